"""The stack of deploy/compose, as far as it can be had without the images of others.

dockpulse runs in its own image as the compose file says, the collector and Prometheus with the settings that are
mounted there; a second collector stands where Tempo would be.
"""

import asyncio
import contextlib
import math
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile

import deployed
import image
from collector import Collector
from engine import Container
from interrupts import shielded
from processes import Failure, Process, wait_until
from prometheus import Prometheus
from proxy import Server, passed

# Run in the engine's network: makes a listening socket there and hands it over the descriptor that it is given.
LISTEN = """import socket, sys
listener = socket.create_server((sys.argv[1], 0))
socket.send_fds(socket.socket(fileno=int(sys.argv[2])), [b"%d" % listener.getsockname()[1]], [listener.fileno()])"""
PORT = 4317


class Gate(Server):
    """Lets containers of an engine reach an address of this machine: a port in the engine's network."""

    def __init__(self, engine, gateway, to):
        super().__init__()
        self.listener, self.port = handed_over(engine, gateway)
        self.to = to

    def listen(self):
        return asyncio.start_server(self.accept, sock=self.listener)

    async def connection(self, reader, writer, streams):
        upstream, back = await asyncio.open_connection(*self.to)
        streams.append(back)
        await asyncio.gather(passed(reader, back), passed(upstream, writer))


def handed_over(engine, gateway):
    """A socket that listens in the network of an engine of the suite's own, and its port."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.set_inheritable(True)
        made = subprocess.run(
            ["nsenter", f"--net={engine.namespace()}", sys.executable, "-c", LISTEN, gateway, str(theirs.fileno())],
            pass_fds=[theirs.fileno()], capture_output=True, text=True, check=False)
        if made.returncode:
            raise Failure(f"cannot listen in the engine's network: {made.stderr}")
        port, descriptors, _, _ = socket.recv_fds(ours, 16, 1)
    return socket.socket(fileno=descriptors[0]), int(port)


class StackCollector(Collector):
    """The collector with the settings that the stack mounts; it has fixed ports, so it gets an address of its own."""

    def __init__(self, binary, folder, prometheus, tempo):
        self.binary, self.log, self.process = binary, f"{folder}/stack-collector.log", None
        self.address = f"127.{random.randint(64, 254)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        service = deployed.compose(DOCKER_GID="0")["services"]["collector"]
        mounts = {volume["target"]: volume["source"] for volume in service["volumes"]}
        self.settings = mounts[service["command"][-1]]
        # Its own metrics would take a port of the machine.
        self.quiet = pathlib.Path(folder, "quiet.json")
        self.quiet.write_text('{"service": {"telemetry": {"metrics": {"level": "none"}}}}')
        self.told = {name: "" for name in service["environment"]} | {
            "OTLP_LISTEN": self.address, "PROMETHEUS_URL": f"http://127.0.0.1:{prometheus}",
            "TEMPO_ENDPOINT": f"127.0.0.1:{tempo}"}

    def start(self):
        configs = ["--config", f"file:{self.settings}", "--config", f"file:{self.quiet}"]
        self.process = Process([self.binary, *configs], self.log, dict(os.environ, **self.told))
        wait_until("the collector listens", self.listening, within=30)
        return self

    def listening(self):
        if not self.process.running():
            raise Failure(f"the collector ended at once:\n{self.process.tail()}")
        with contextlib.suppress(OSError):
            socket.create_connection((self.address, PORT), timeout=1).close()
            return True
        return False


class Stack:
    """All of it on the second engine, with the agent in a container."""

    def __init__(self, world, engine, folder):
        self.world, self.engine = world, engine
        self.prometheus = Prometheus(world.prometheus, folder, deployed.DEPLOY / "compose/prometheus/prometheus.yml")
        self.tempo = Collector(world.collector, folder, self.prometheus.port)
        self.collector = StackCollector(world.collector, folder, self.prometheus.port, self.tempo.grpc)
        self.socket = engine.endpoint.removeprefix("unix://")
        self.group = os.stat(self.socket).st_gid
        self.service = deployed.compose(DOCKER_GID=str(self.group))["services"]["dockpulse"]
        self.agent, self.network, self.gateway, self.port = None, None, None, None

    def start(self, gates):
        """Everything but the agent."""
        for part in (self.prometheus, self.tempo, self.collector):
            part.start()
        self.network = self.engine.network("stack")
        self.gateway = self.engine.docker(
            "network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", self.network)
        gate = gates.enter_context(Gate(self.engine, self.gateway, (self.collector.address, PORT)))
        # What the compose file calls `collector` is here a container that passes everything on through the gate.
        self.port = gate.port
        self.engine.run("collector", "nc", "-ll", "-p", str(PORT), "-e", "nc", self.gateway, str(gate.port),
                        options=("--network", self.network, "--network-alias", "collector"))

    def run_agent(self, **environment):
        """The service dockpulse, with these variables besides its own."""
        service = self.service | {"environment": self.service["environment"] | environment}
        name = f"{self.engine.prefix}agent"
        self.agent = Container(self.engine.docker(
            "run", "-d", "--name", name, "--network", self.network, *self.flags(service), self.world.stack_image,
            *service["command"]), name)
        return self.agent

    def once(self, *flags):
        """`dockpulse once` in the image with the same rights; it finds its collector by a name in /etc/hosts."""
        service = self.service | {"environment": {"DOCKPULSE_EXPORT__ENDPOINT": f"http://by-hosts:{self.port}"}}
        return self.engine.docker(
            "run", "--rm", "--name", f"{self.engine.prefix}once", "--network", self.network, "--add-host",
            f"by-hosts:{self.gateway}", *self.flags(service), self.world.stack_image, "once", *flags)

    def flags(self, service):
        """All that the compose file says, but that the suite ends what it starts."""
        mine = {"/var/run/docker.sock": self.socket, "dockpulse": f"{self.engine.prefix}state"}
        return image.flags(service, mine, drop=("restart",))

    def log(self):
        """What the agent has written so far."""
        if not self.agent:
            return ""
        done = subprocess.run(["docker", "-H", self.engine.endpoint, "logs", self.agent.id], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=30, check=False)
        return done.stdout.decode(errors="replace")

    def inspected(self, template):
        return self.engine.docker("inspect", "--format", template, self.agent.id)

    def answers(self, expression):
        """Whether Prometheus has an answer that is a number."""
        return any(not math.isnan(value) for _, value in self.prometheus.query(expression))


@contextlib.contextmanager
def stacked(world):
    """A fresh stack; its containers are the second engine's, which a check may hang."""
    with world.second_engine() as engine, tempfile.TemporaryDirectory(prefix="stack-", dir=world.folder) as folder, \
            contextlib.ExitStack() as gates:
        build(world, engine)
        stack = Stack(world, engine, folder)
        try:
            stack.start(gates)
            yield stack
        finally:
            with shielded():
                engine.revive()
                with contextlib.suppress(Failure):
                    world.log = stack.log()
                engine.clear()
                engine.docker("volume", "rm", "-f", f"{engine.prefix}state", check=False)
                for part in (stack.collector, stack.tempo, stack.prometheus):
                    part.stop()


def build(world, engine):
    """Builds dockpulse's image on the second engine, once a run of the suite."""
    if getattr(world, "stack_image", None):
        return
    binary = world.binary if image.is_static(world.binary) else image.static_binary()
    if not image.is_static(binary):
        raise Failure(f"{binary} needs libraries of the system")
    # The builder without plugins, which is part of every engine.
    os.environ["DOCKER_BUILDKIT"] = "0"
    name = f"{engine.prefix}dockpulse"
    engine.docker("build", "-t", name, "-", data=image.context(binary), patience=120)
    world.stack_image = name
