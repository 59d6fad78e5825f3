"""Prometheus: takes what the collector writes, and answers what is live at this moment."""

import json
import pathlib
import shutil
import urllib.error
import urllib.parse
import urllib.request

from packages import unpacked
from processes import Failure, Process, answers, free_port, wait_until

ALL = '{__name__=~".+",__name__!="target_info"}'


def prometheus_binary():
    """The program: the one that is installed, or Debian's from the cache."""
    return shutil.which("prometheus") or unpacked("prometheus", "usr/bin/prometheus")


def of(**labels):
    """A selector of every series with these labels; target_info, which cannot be retracted, is left out."""
    matchers = [f'{name}="{value}"' for name, value in labels.items()]
    return "{" + ",".join(['__name__!="target_info"'] + matchers) + "}"


class Prometheus:
    """One Prometheus that scrapes nothing. It asks for the present only: a series is there or is not."""

    def __init__(self, binary, folder, config=None):
        self.binary, self.folder, self.port = binary, folder, free_port()
        self.config, self.process = config, None

    def start(self):
        config = self.config
        if not config:
            config = pathlib.Path(self.folder, "prometheus.yml")
            config.write_text("scrape_configs: []\n")
        self.process = Process([
            self.binary, f"--config.file={config}", f"--storage.tsdb.path={self.folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{self.port}", "--web.enable-remote-write-receiver",
            "--log.level=warn"], f"{self.folder}/prometheus.log")
        wait_until("Prometheus is ready", self.ready, within=60)
        return self

    def ready(self):
        if not self.process.running():
            raise Failure(f"Prometheus ended at once:\n{self.process.tail()}")
        return answers(f"http://127.0.0.1:{self.port}/-/ready")

    def stop(self):
        if self.process:
            self.process.stop()

    def query(self, expression):
        """The answer to an instant query: a list of (labels, value)."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                result = json.load(answer)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise Failure(f"Prometheus refuses {expression}: {error.read().decode(errors='replace')}") from error
        return [(series["metric"], float(series["value"][1])) for series in result]

    def times(self, selector):
        """When the samples of the one series were taken that the selector gives, within the last hour."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query?" + urllib.parse.urlencode({"query": f"{selector}[1h]"})
        with urllib.request.urlopen(url, timeout=10) as answer:
            result = json.load(answer)["data"]["result"]
        if len(result) > 1:
            raise Failure(f"{len(result)} series instead of one: {selector}")
        return [at for at, _ in result[0]["values"]] if result else []

    def value(self, expression):
        """The value of the one series the expression gives, None if there is none."""
        found = self.query(expression)
        if len(found) > 1:
            raise Failure(f"{len(found)} series instead of one: {expression}: {[labels for labels, _ in found]}")
        return found[0][1] if found else None

    def names(self, **labels):
        """The names of the metrics that are live with these labels."""
        return {series["__name__"] for series, _ in self.query(of(**labels))}

    def ended(self, selector):
        """A condition for `wait_until`: nothing that the selector gives is live; else what is."""
        live = self.query(selector)
        shown = sorted({series["__name__"] for series, _ in live})
        return not live, f"{len(live)} live series: {', '.join(shown[:8])}" if live else "none"
