"""The OpenTelemetry Collector: built once from its modules, started with the pipeline that the suite watches."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import tempfile

from packages import cache, command, say
from processes import Failure, Process, SetupError, free_port, listens, wait_until

MANIFEST = pathlib.Path(__file__).with_name("collector-builder.yaml")
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.149.0"


def collector_binary():
    """The collector's program, from the cache or built by the collector's own builder."""
    key = hashlib.sha256(MANIFEST.read_bytes() + BUILDER.encode()).hexdigest()[:16]
    binary = cache() / f"otelcol-{key}"
    if not binary.exists():
        say("building the collector (about 3 minutes the first time) ...")
        build(binary)
    return binary


def build(binary):
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if not os.path.exists(go):
        raise SetupError("go is missing: it is needed to build the OpenTelemetry Collector")
    env = dict(os.environ, CGO_ENABLED="0", PATH=f"{os.path.dirname(go)}:{os.environ['PATH']}")
    with tempfile.TemporaryDirectory(prefix="build-", dir=cache()) as work:
        command([go, "run", BUILDER, "--config", MANIFEST], cwd=work, env=env)
        os.replace(f"{work}/build/otelcol-live", binary)


def settings(grpc, http, prometheus):
    """The collector's configuration; JSON is YAML."""
    write = f"http://127.0.0.1:{prometheus}/api/v1/write"
    return {
        "receivers": {"otlp": {"protocols": {
            "grpc": {"endpoint": f"127.0.0.1:{grpc}"}, "http": {"endpoint": f"127.0.0.1:{http}"}}}},
        "exporters": {
            "debug": {"verbosity": "detailed", "use_internal_logger": False},
            "prometheusremotewrite": {
                "endpoint": write,
                "remote_write_queue": {"num_consumers": 1},
                "resource_to_telemetry_conversion": {"enabled": True}}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {
                "metrics": {"receivers": ["otlp"], "exporters": ["debug", "prometheusremotewrite"]},
                "traces": {"receivers": ["otlp"], "exporters": ["debug"]},
                "logs": {"receivers": ["otlp"], "exporters": ["debug"]}}},
    }


class Collector:
    """One running collector; `start` after `stop` starts it again on the same ports."""

    def __init__(self, binary, folder, prometheus_port):
        self.binary = binary
        self.grpc, self.http = free_port(), free_port()
        self.config, self.log = f"{folder}/collector.yaml", f"{folder}/collector.log"
        pathlib.Path(self.config).write_text(json.dumps(settings(self.grpc, self.http, prometheus_port), indent=1))
        self.process = None

    def start(self):
        self.process = Process([self.binary, "--config", f"file:{self.config}"], self.log)
        wait_until("the collector listens", self.listening, within=30)
        return self

    def listening(self):
        if not self.process.running():
            raise Failure(f"the collector ended at once:\n{self.process.tail()}")
        return listens(self.grpc) and listens(self.http)

    def stop(self):
        if self.process:
            self.process.stop()

    def printed(self):
        """What the debug exporter has printed so far."""
        return self.process.output()

    def spans(self):
        """The names of all spans that have arrived."""
        text = self.printed()
        return set(re.findall(r"^Span #\d+\n(?:.*\n){0,4}?\s+Name\s+: (.+)$", text, re.MULTILINE))

    def events(self):
        """What all lines of the agent's log that have arrived are about."""
        return set(re.findall(r"^\s+-> dockpulse.event: Str\((.+)\)$", self.printed(), re.MULTILINE))

    def metrics(self):
        """The names of all metrics that have arrived."""
        return set(re.findall(r"^\s+-> Name: (.+)$", self.printed(), re.MULTILINE))

    def starts(self, container, metric):
        """The start times that live points of one metric of one container have had, in order, as printed."""
        seen = []
        for block in re.split(r"^ResourceMetrics #", self.printed(), flags=re.MULTILINE):
            if f"container.id: Str({container})" not in block:
                continue
            for part in re.split(r"^Metric #", block, flags=re.MULTILINE)[1:]:
                if re.search(rf"^\s+-> Name: {re.escape(metric)}$", part, re.MULTILINE) and "Value: " in part:
                    seen += re.findall(r"^StartTimestamp: (.+)$", part, re.MULTILINE)
        return list(dict.fromkeys(seen))
