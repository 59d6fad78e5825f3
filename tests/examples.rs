//! Every file under `examples/`, and the collector's settings, are what they say: they load, fit each other, and run.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dockpulse::app;
use dockpulse::config::{self, Environment, Flags, Loaded, Sources};
use dockpulse::convert::Profile;
use dockpulse::sink::expect::file;
use serde_json::Value as Json;
use serde_yaml_ng::Value as Yaml;

#[path = "support/engine.rs"]
mod engine;

use engine::SmallEngine;

const SETTINGS: [&str; 4] =
    ["examples/minimal.yaml", "examples/minimal.toml", "examples/dockpulse.yaml", "examples/engines.yaml"];
const SCHEMA: &str = "examples/dockpulse.schema.json";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn yaml(name: &str) -> Yaml {
    serde_yaml_ng::from_str(&text(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn load(file: Option<&str>, environment: Environment) -> Loaded {
    let nowhere = PathBuf::from("/nonexistent");
    let sources = Sources {
        flags: Flags { config: file.map(path), ..Flags::default() },
        environment,
        working_directory: nowhere.clone(),
        system_directory: nowhere,
    };
    config::load(&sources, &app::known()).unwrap_or_else(|errors| panic!("{file:?}: {errors}"))
}

fn texts(list: &Yaml) -> Vec<&str> {
    list.as_sequence().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

fn keys(table: &Yaml) -> BTreeSet<&str> {
    table.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap()).collect()
}

/// `${NAME:-default}` and `${env:NAME:-default}` as they are if nobody sets the variable.
fn expanded(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let (inside, after) = rest.split_once('}').unwrap();
    let default = inside.split_once(":-").map_or("", |(_, default)| default);
    format!("{before}{default}{}", expanded(after))
}

#[test]
fn every_example_is_looked_at_here() {
    let files: BTreeSet<String> = fs::read_dir(path("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let known = ["ci-smoke.sh", "compose.yaml", "expectations.yaml", SCHEMA];
    let known = known.into_iter().chain(SETTINGS).map(|name| name.rsplit('/').next().unwrap_or(name).to_owned());
    assert_eq!(files, known.collect());
}

#[test]
fn the_settings_files_load_and_are_supported() {
    for file in SETTINGS {
        let loaded = load(Some(file), Environment::default());
        assert!(loaded.warnings.is_empty(), "{file}: {:?}", loaded.warnings);
        assert_eq!(app::unsupported(&loaded.settings), Vec::<String>::new(), "{file}");
        assert_eq!(loaded.settings.export.metrics_url.to_string(), "http://localhost:4317", "{file}");
    }
}

#[test]
fn the_full_settings_file_is_the_documented_default() {
    let of_file = load(Some("examples/dockpulse.yaml"), Environment::default()).settings;
    assert_eq!(of_file, load(None, Environment::default()).settings);
    assert_eq!(text("examples/dockpulse.yaml"), config::default_file());
}

/// A settings file as an editor sees it: what its numbers and words are is its format's.
fn document(file: &str, text: &str) -> Json {
    let refused = |error: &dyn std::fmt::Display| -> Json { panic!("{file}: {error}") };
    match file.ends_with(".toml") {
        true => toml::from_str(text).unwrap_or_else(|e| refused(&e)),
        false => serde_yaml_ng::from_str(text).unwrap_or_else(|e| refused(&e)),
    }
}

fn schema() -> jsonschema::Validator {
    let schema = serde_json::from_str(&text(SCHEMA)).unwrap();
    jsonschema::meta::validate(&schema).unwrap_or_else(|e| panic!("{e}"));
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn the_schema_is_that_of_this_version() {
    let made = format!("{:#}\n", config::schema(&app::known()));
    assert!(text(SCHEMA) == made, "write it again with `dockpulse config schema > {SCHEMA}`");
}

#[test]
fn every_settings_file_is_right_by_the_schema() {
    let schema = schema();
    for file in SETTINGS {
        let document = document(file, &text(file));
        let errors: Vec<_> = schema.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{file}: {errors:?}");
    }
    for file in ["examples/minimal.yaml", "examples/engines.yaml"] {
        assert!(text(file).starts_with("# yaml-language-server: $schema=dockpulse.schema.json\n"), "{file}");
    }
}

#[test]
fn what_is_wrong_for_dockpulse_is_wrong_by_the_schema_and_the_reverse() {
    let schema = schema();
    for (is_right, settings) in [
        (true, "interval: 5s"),
        (true, "interval: ${env:EVERY}"),
        (true, "export: { headers: { authorization: a }, max_request_bytes: 1MiB, compression: zstd }"),
        (true, "engines: [ { endpoint: 'tcp://h:2375', concurrency: 8 }, { concurrency: auto } ]"),
        (true, "containers: { include: [ { name: web-*, state: running } ], max: 5 }"),
        (true, "metrics: { container.pids.limit: false }"),
        (true, "telemetry: { sampling: 0.1 }"),
        (true, "export:"),
        (false, "intervall: 5s"),
        (false, "interval: 5"),
        (false, "profile: semconf"),
        (false, "engines: { name: a }"),
        (false, "engines: [ { source: cgrop } ]"),
        (false, "containers: { include: [ { state: up } ] }"),
        (false, "containers: { max: many }"),
        (false, "metrics: { container.pids.limt: false }"),
        (false, "metrics: { container.pids.limit: perhaps }"),
        (false, "attributes: { resource: { container.nam: false } }"),
        (false, "export: [ a ]"),
        (false, "telemetry: { sampling: all }"),
        (false, "log: { level: verbose }"),
        (false, "- a"),
    ] {
        let document = document("case", settings);
        assert_eq!(schema.is_valid(&document), is_right, "by the schema: {settings}");
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("dockpulse.yaml"), settings).unwrap();
        let environment = [("EVERY", "5s")].into_iter().collect();
        let (working_directory, system_directory) = (folder.path().to_owned(), PathBuf::from("/nonexistent"));
        let sources = Sources { flags: Flags::default(), environment, working_directory, system_directory };
        assert_eq!(config::load(&sources, &app::known()).is_ok(), is_right, "by dockpulse: {settings}");
    }
}

#[test]
fn the_expectations_parse_and_name_metrics_that_exist() {
    let expectations = file::parse(&text("examples/expectations.yaml")).unwrap_or_else(|e| panic!("{e:?}"));
    let metrics = Profile::Semconv.metrics();
    for expectation in &expectations {
        assert!(metrics.iter().any(|metric| expectation.metric.matches(metric.name)), "{expectation}");
    }
}

#[test]
fn the_sidecar_s_variables_are_settings_that_lead_to_the_collector() {
    let compose = yaml("examples/compose.yaml");
    let services = &compose["services"];
    let environment = services["dockpulse"]["environment"].as_mapping().unwrap();
    let pairs = environment.iter().map(|(name, value)| (name.as_str().unwrap(), expanded(value.as_str().unwrap())));
    let loaded = load(None, pairs.collect());
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert!(app::unsupported(&loaded.settings).is_empty());
    let url = &loaded.settings.export.metrics_url;
    assert!(keys(services).contains(url.host()), "no service is called {}", url.host());
    assert_eq!(loaded.settings.standard.resource, [("deployment.environment.name".to_owned(), "example".to_owned())]);

    let collector = &services[url.host()];
    let listen = collector["environment"]["OTLP_LISTEN"].as_str().unwrap();
    let grpc = yaml("otel-collector.yaml")["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"].clone();
    let grpc = grpc.as_str().unwrap().replace("${env:OTLP_LISTEN:-127.0.0.1}", listen);
    assert_eq!(grpc, format!("0.0.0.0:{}", url.port()));
    let mounted = texts(&collector["volumes"])[0].split(':').collect::<Vec<_>>();
    assert_eq!(mounted, ["../otel-collector.yaml", texts(&collector["command"])[1], "ro"]);
}

#[test]
fn the_sidecar_may_do_no_more_than_it_has_to() {
    let compose = yaml("examples/compose.yaml");
    let sidecar = &compose["services"]["dockpulse"];
    assert_eq!(texts(&sidecar["volumes"]), ["/var/run/docker.sock:/var/run/docker.sock:ro"]);
    assert!(!sidecar["user"].as_str().unwrap().starts_with('0'), "not root");
    assert!(texts(&sidecar["group_add"])[0].starts_with("${DOCKER_GID:?"));
    assert_eq!(sidecar["read_only"], Yaml::Bool(true));
    assert_eq!(texts(&sidecar["cap_drop"]), ["ALL"]);
    assert_eq!(texts(&sidecar["security_opt"]), ["no-new-privileges:true"]);
    assert!(sidecar.get("ports").is_none() && sidecar.get("privileged").is_none());
    let build = &sidecar["build"];
    assert_eq!(build["context"], Yaml::from(".."));
    let dockerfile = text(build["dockerfile"].as_str().unwrap());
    let builder = format!("\nFROM rust:{}-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(dockerfile.contains(&builder), "the builder is not that of Cargo.toml's rust-version: {dockerfile}");
    assert!(dockerfile.contains("\nFROM scratch\n") && dockerfile.contains("\nUSER 65534:65534\n"), "{dockerfile}");
    for (name, service) in compose["services"].as_mapping().unwrap() {
        if let Some(image) = service.get("image") {
            let (_, tag) = image.as_str().unwrap().rsplit_once(':').expect("an image has a version");
            assert!(tag.starts_with(|c: char| c.is_ascii_digit()), "{name:?}: {tag} is no version");
        }
    }
}

#[test]
fn the_collector_s_settings_fit_together_and_keep_retractions() {
    let collector = yaml("otel-collector.yaml");
    assert!(collector.get("processors").is_none(), "see the comment there");
    for (name, pipeline) in collector["service"]["pipelines"].as_mapping().unwrap() {
        for kind in ["receivers", "exporters"] {
            let defined = keys(&collector[kind]);
            let wanted = texts(&pipeline[kind]);
            assert!(!wanted.is_empty() && wanted.iter().all(|c| defined.contains(c)), "{name:?}: {kind} {wanted:?}");
        }
    }
    let pipelines = &collector["service"]["pipelines"];
    assert_eq!(texts(&pipelines["metrics"]["exporters"]), ["debug", "prometheusremotewrite"]);
    assert_eq!(texts(&pipelines["traces"]["exporters"]), ["otlp"]);
    let prometheus = &collector["exporters"]["prometheusremotewrite"];
    assert_eq!(prometheus["resource_to_telemetry_conversion"]["enabled"], Yaml::Bool(true));
    assert_eq!(prometheus["target_info"]["enabled"], Yaml::Bool(false));
    let url: http::Uri = expanded(prometheus["endpoint"].as_str().unwrap()).parse().unwrap();
    assert_eq!(url.path(), "/api/v1/write");
    let protocols = &collector["receivers"]["otlp"]["protocols"];
    for (protocol, port) in [("grpc", 4317), ("http", 4318)] {
        let endpoint = expanded(protocols[protocol]["endpoint"].as_str().unwrap());
        assert_eq!(endpoint.parse::<SocketAddr>().unwrap(), SocketAddr::from(([127, 0, 0, 1], port)));
    }
}

fn smoke(docker_host: &str) -> Output {
    Command::new("bash")
        .arg(path("examples/ci-smoke.sh"))
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("DOCKPULSE", env!("CARGO_BIN_EXE_dockpulse"))
        .env("DOCKER_HOST", docker_host)
        .env("DOCKPULSE_EXPORT__TIMEOUT", "1s")
        .output()
        .unwrap()
}

fn said(output: &Output) -> (Option<i32>, String) {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    (output.status.code(), String::from_utf8(both).unwrap())
}

#[test]
fn the_smoke_test_passes_on_an_engine_with_a_running_container() {
    let folder = tempfile::tempdir().unwrap();
    let (status, said) = said(&smoke(&SmallEngine::start(folder.path(), "web").endpoint()));
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("7 of 7 expectations met") && said.contains("all retracted"), "{said}");
}

#[test]
fn the_smoke_test_fails_if_a_container_runs_that_must_not() {
    let folder = tempfile::tempdir().unwrap();
    let (status, said) = said(&smoke(&SmallEngine::start(folder.path(), "must-not-run").endpoint()));
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("NOT MET  container.* of container.name=must-not-run: absent"), "{said}");
}

#[test]
fn the_smoke_test_says_so_where_there_is_no_engine() {
    let (status, text) = said(&smoke("unix:///nonexistent/docker.sock"));
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("ci-smoke: no Docker engine at unix:///nonexistent/docker.sock"), "{text}");
    let (status, text) = said(&smoke("tcp://127.0.0.1:1"));
    assert_eq!(status, Some(1), "{text}");
    assert!(text.contains("cannot connect to tcp://127.0.0.1:1") && text.contains("ci-smoke: "), "{text}");
}
