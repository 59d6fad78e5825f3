// Command reader prints a file as JSON, for checks of what is deployed: a compose file as docker compose understands it, with
// docker compose's own loader (schema, variables, .env, paths), a DaemonSet by Kubernetes' own types, where a field that does
// not exist is an error, or any YAML file as it stands.
//
//	reader compose FILE
//	reader daemonset FILE
//	reader yaml FILE
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	strict "sigs.k8s.io/yaml"
)

func compose(file string) (any, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithOsEnv, cli.WithEnvFiles(), cli.WithDotEnv)
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

func daemonSet(file string) (any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var value appsv1.DaemonSet
	return &value, strict.UnmarshalStrict(text, &value)
}

func plain(file string) (any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var value any
	return value, yaml.Unmarshal(text, &value)
}

func main() {
	read := map[string]func(string) (any, error){"compose": compose, "daemonset": daemonSet, "yaml": plain}
	if len(os.Args) != 3 || read[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: reader compose|daemonset|yaml FILE")
		os.Exit(2)
	}
	value, err := read[os.Args[1]](os.Args[2])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(value)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[2], err)
		os.Exit(1)
	}
}
