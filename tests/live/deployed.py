"""What is in deploy/: its files as Python values, and the questions that dashboards and rules ask."""

import hashlib
import json
import os
import pathlib
import re
import shutil

from packages import cache, command, say
from processes import Failure, SetupError

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose/compose.yaml"


# Files

def reader():
    """The program that reads compose files and YAML, built once."""
    folder = DEPLOY / "reader"
    files = [folder / name for name in ("main.go", "go.mod", "go.sum")]
    key = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    binary = cache() / f"reader-{key}"
    if not binary.exists():
        go = shutil.which("go") or "/usr/local/go/bin/go"
        if not os.path.exists(go):
            raise SetupError("go is missing: it is needed to read compose files")
        say("building the reader of compose files ...")
        command([go, "build", "-o", f"{binary}.new", "."], cwd=folder, env=dict(os.environ, CGO_ENABLED="0"))
        os.replace(f"{binary}.new", binary)
    return binary


def compose(file=COMPOSE, **variables):
    """A compose file as docker compose understands it; nothing but these variables is set."""
    return json.loads(command([reader(), "compose", file], env={"PATH": os.defpath} | variables, cwd="/"))


def yaml(file):
    return json.loads(command([reader(), "yaml", file]))


def daemon_set():
    return json.loads(command([reader(), "daemonset", DEPLOY / "kubernetes/daemonset.yaml"]))


def dashboards():
    """The dashboards by the names of their files."""
    return {path.name: json.loads(path.read_text()) for path in sorted((DEPLOY / "compose/dashboards").glob("*.json"))}


def rules():
    groups = yaml(DEPLOY / "compose/prometheus/rules/dockpulse.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


# Questions

class Question:
    """One query to Prometheus, and where it stands; `quiet` is what is shown where it has no answer."""

    def __init__(self, place, expression, quiet=None):
        self.place, self.expression, self.quiet = place, expression, quiet

    def __str__(self):
        return f"{self.place}: {self.expression}"


def of_panels():
    """The queries of all panels, as they stand in the files."""
    for name, board in dashboards().items():
        for panel in board["panels"]:
            quiet = panel.get("fieldConfig", {}).get("defaults", {}).get("noValue")
            for target in panel.get("targets", ()):
                if "expr" in target:
                    yield Question(f"{name}: {panel['title']} {target['refId']}", target["expr"], quiet)


def of_variables():
    """label_values(METRIC, LABEL) of all variables, as a query that gives one series for each value."""
    for name, board in dashboards().items():
        for one in board["templating"]["list"]:
            if one["type"] == "query":
                metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", one["query"]["query"]).groups()
                yield Question(f"{name}: variable {one['name']}", f"group by ({label}) ({metric})")


def of_spans():
    """What a span in Tempo leads to."""
    for source in yaml(DEPLOY / "compose/grafana/provisioning/datasources/datasources.yaml")["datasources"]:
        for one in source["jsonData"].get("tracesToMetrics", {}).get("queries", ()):
            # Grafana takes $$ for $ when it reads the file.
            yield Question(f"span: {one['name']}", one["query"].replace("$$", "$"), "nothing")


def filled(expression, **variables):
    """A query as Grafana sends it: $name and ${name} have values; one that is not given is an error."""
    def value(found):
        name = found[1] or found[2]
        if name not in variables:
            raise Failure(f"nobody gives a value to ${name} in {expression}")
        return variables[name]
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", value, expression)
