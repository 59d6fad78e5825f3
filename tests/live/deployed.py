"""What is in deploy/: its files as Python values, the questions that dashboards and rules ask, and the image."""

import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import tarfile

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


# The image

def static_binary():
    """dockpulse with the C library in it, as deploy/Dockerfile builds it, but not optimized as a whole: that takes minutes."""
    say("building dockpulse as one static file ...")
    cargo = shutil.which("cargo") or os.path.expanduser("~/.cargo/bin/cargo")
    wanted = re.search(r"cargo rustc --release (.+)", (DEPLOY / "Dockerfile").read_text())[1]
    command([cargo, "rustc", "--profile", "proof", *wanted.split()], cwd=ROOT)
    return ROOT / "target/proof/dockpulse"


def is_static(binary):
    """Whether the program needs no interpreter: no library of the system."""
    head = pathlib.Path(binary).read_bytes()
    count, size = int.from_bytes(head[56:58], "little"), int.from_bytes(head[54:56], "little")
    start = int.from_bytes(head[32:40], "little")
    return all(int.from_bytes(head[start + n * size:start + n * size + 4], "little") != 3 for n in range(count))


def context(binary, certificates="/etc/ssl/certs/ca-certificates.crt"):
    """What to build the image from without any other image: deploy/Dockerfile with its first stage replaced by its results."""
    stages = re.split(r"^(?=FROM )", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE)
    if len(stages) != 3 or not stages[2].startswith("FROM scratch\n"):
        raise Failure("deploy/Dockerfile has not the two stages that are known here")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        put(tar, "Dockerfile", ("FROM scratch AS build\nCOPY image /image\n" + stages[2]).encode())
        put(tar, "image/dockpulse", pathlib.Path(binary).read_bytes(), 0o755)
        bundle = pathlib.Path(certificates)
        put(tar, f"image{certificates}", bundle.read_bytes() if bundle.exists() else b"\n")
        for folder in ("image/var/lib/dockpulse", "image/run/dockpulse"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
    return out.getvalue()


def put(tar, name, content, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


# The service as docker compose would run it

def flags(service, sockets, drop=()):
    """The flags of `docker run` that do what the service says; all that it says has to be known here."""
    known = {
        "user": lambda v: ["--user", v],
        "group_add": lambda v: [part for group in v for part in ("--group-add", group)],
        "uts": lambda v: ["--uts", v],
        "read_only": lambda v: ["--read-only"] if v else [],
        "cap_drop": lambda v: [part for one in v for part in ("--cap-drop", one)],
        "security_opt": lambda v: [part for one in v for part in ("--security-opt", one)],
        "mem_limit": lambda v: ["--memory", str(v)],
        "pids_limit": lambda v: ["--pids-limit", str(v)],
        "tmpfs": lambda v: [part for one in v for part in ("--tmpfs", one)],
        "environment": lambda v: [part for name, text in v.items() for part in ("--env", f"{name}={text}")],
        "volumes": lambda v: [part for one in v for part in ("--volume", mount(one, sockets))],
        "healthcheck": health,
        "stop_grace_period": lambda v: ["--stop-timeout", v.rstrip("s")],
        "restart": lambda v: ["--restart", v],
    }
    elsewhere = {"build", "image", "command", "entrypoint", "networks", *drop}
    unknown = service.keys() - known.keys() - elsewhere
    if unknown:
        raise Failure(f"nobody turns {', '.join(sorted(unknown))} of the service into flags of docker run")
    return [flag for name in service if name in known and name not in drop for flag in known[name](service[name])]


def mount(volume, sockets):
    mode = ":ro" if volume.get("read_only") else ""
    return f"{sockets.get(volume['source'], volume['source'])}:{volume['target']}{mode}"


def health(check):
    """A check in a list, which docker run takes as a text only for a shell, cannot be given as a flag."""
    return ["--health-interval", check["interval"]] if "interval" in check else []
