"""What a check has at hand: the list of checks, and the pipeline engine, agent, collector, Prometheus."""

import contextlib
import socket
import tempfile
import time

import agent as agents
from certificates import Authority
from collector import Collector
from engine import OwnEngine
from interrupts import shielded
from processes import wait_until
from prometheus import ALL, Prometheus, of

CHECKS = []
PROMISED = 2.0  # seconds from the engine's answer to what Prometheus shows
UP = '{__name__=~"dockpulse_engine_up(_ratio)?"}'
CPU, MEMORY = "container_cpu_time_seconds_total", "container_memory_usage_bytes"


def check(sentence):
    """Enters a function into the list of checks, under the sentence that it proves; it may return a remark."""
    def enter(function):
        CHECKS.append((sentence, function))
        return function
    return enter


class Pipeline:
    """One engine, one agent, one collector and one Prometheus, and the questions that checks ask them."""

    def __init__(self, world, engine, folder, flags, config, env):
        self.world, self.engine, self.folder = world, engine, folder
        self.prometheus = Prometheus(world.prometheus, folder)
        self.collector = Collector(world.collector, folder, self.prometheus.port)
        self.agent = self.make_agent(flags, config, env)

    def make_agent(self, flags=(), config=None, env=None):
        settings = agents.settings(self.engine, self.collector, **config or {})
        return agents.Agent(self.world.binary, self.folder, settings, *flags, env=env)

    def query(self, expression):
        return self.prometheus.query(expression)

    def value(self, metric, container, **labels):
        """The value of one live series of one container, or None."""
        return self.prometheus.value(of(__name__=metric, container_id=container.id, **labels))

    def names(self, container):
        """The metrics of a container that are live, under the name it has now."""
        return self.prometheus.names(container_id=container.id, container_name=container.name)

    def await_live(self, *containers, within=15.0):
        """Waits until every one of these containers is in Prometheus with its resources and its state."""
        wanted = {CPU, MEMORY, "container_status_state"}
        for container in containers:
            wait_until(f"{container.name} is in Prometheus",
                       lambda one=container: self.agent.alive() and self.has(one, wanted), within)

    def has(self, container, wanted):
        missing = wanted - self.names(container)
        return not missing, f"without {', '.join(sorted(missing))}"

    def await_ended(self, selector, what, within=PROMISED):
        """Waits until nothing is live that the selector gives, and gives the seconds that took."""
        begun = time.monotonic()
        wait_until(what, lambda: self.prometheus.ended(selector), within)
        return time.monotonic() - begun

    def await_empty(self, what, within):
        """Waits until nothing of anything is live."""
        return self.await_ended(ALL, what, within)

    def await_up(self, value, within=15.0, engine=""):
        """Waits until the agent says that the engine, of this name if it watches several, is up (1) or not (0)."""
        up = UP[:-1] + (f',dockpulse_engine_name="{engine}"}}' if engine else "}")
        wait_until(f"dockpulse.engine.up is {value}",
                   lambda: (self.prometheus.value(up) == value, str(self.prometheus.value(up))), within)


class World:
    """What the set-up has made for all checks."""

    def __init__(self, binary, collector, prometheus, folder, token):
        self.binary, self.collector, self.prometheus = binary, collector, prometheus
        self.folder, self.token = folder, token
        self.engine, self.second = None, None
        self.authority = None  # signs for the second engine and its clients
        self.outage = 12.0  # seconds that a collector is down in the check about that
        self.log = ""  # the end of the agent's log of the last check, for the report of a failure

    @contextlib.contextmanager
    def watching(self, engine=None, *flags, start=("prometheus", "collector", "agent"), env=None, **config):
        """A fresh pipeline on an engine; it is ended, and what it has written removed, at the end of the check.

        A setting that is None is left out.
        """
        with tempfile.TemporaryDirectory(prefix="check-", dir=self.folder) as folder:
            pipeline = Pipeline(self, engine or self.engine, folder, flags, config, env)
            try:
                for part in start:
                    getattr(pipeline, part).start()
                yield pipeline
            finally:
                with shielded():
                    pipeline.agent.stop()
                    self.log = pipeline.agent.tail(60)
                    pipeline.collector.stop()
                    pipeline.prometheus.stop()

    @contextlib.contextmanager
    def second_engine(self):
        """An engine that a check may stop and hang, the same for all checks, because starting one takes seconds.

        Its containers survive its end. It has a port for clients with a certificate of `self.authority`.
        """
        if not self.second:
            self.start_second()
        try:
            yield self.second
        finally:
            with shielded():
                self.second.restore()

    def start_second(self):
        self.authority = self.authority or Authority(f"{self.folder}/authority")
        server = self.authority.issue("engine", "server")
        self.second = OwnEngine(
            self.token, f"{self.folder}/second", "--live-restore", "--tlsverify", f"--tlscacert={server}/ca.pem",
            f"--tlscert={server}/cert.pem", f"--tlskey={server}/key.pem", port=socket.create_server(("127.0.0.1", 0)))
        self.second.start()
        self.second.load_image()

    def end(self):
        """Ends the engines."""
        for engine in (self.second, self.engine):
            if engine:
                engine.end()
