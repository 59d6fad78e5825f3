"""Processes, ports and waiting: every process the suite starts is kept here and ended by its own pid."""

import random
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


class Failure(Exception):
    """A check has seen something else than it should have; the text says what."""


class Skip(Exception):
    """A check cannot be made on this machine; the text says why."""


class SetupError(Exception):
    """Something the suite needs cannot be had; the text says what and why."""


started = []
given = set()


class Process:
    """A program in the background, with its output in a file."""

    def __init__(self, command, log, env=None, inherit=()):
        self.log = log
        with open(log, "ab") as out:
            self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
                                          pass_fds=inherit, start_new_session=True)
        self.pid = self.child.pid
        started.append(self)

    def running(self):
        return self.child.poll() is None

    def send(self, number):
        if self.running():
            self.child.send_signal(number)

    def stop(self, number=signal.SIGTERM, patience=10.0):
        """Asks the program to end, insists after a while, and gives its exit status."""
        self.send(number)
        try:
            return self.child.wait(patience)
        except subprocess.TimeoutExpired:
            self.child.send_signal(signal.SIGCONT)
            self.child.kill()
            return self.child.wait(5)

    def output(self):
        with open(self.log, "rb") as log:
            return log.read().decode(errors="replace")

    def tail(self, lines=15):
        return "\n".join(self.output().splitlines()[-lines:])


def end_all():
    """Ends every process that is still there."""
    for process in reversed(started):
        if process.running():
            process.stop()


def free_port():
    """A port of 127.0.0.1 that nobody listens on, and none of those that the kernel gives to whoever connects somewhere."""
    for port in random.sample(sorted(set(range(20000, 32000)) - given), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        given.add(port)
        return port
    raise SetupError("a hundred ports of 127.0.0.1 are in use")


def answers(url):
    """Whether an HTTP server gives a good answer at this address."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status < 300
    except (OSError, urllib.error.URLError):
        return False


def listens(port):
    """Whether something accepts connections on this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def wait_until(what, condition, within=20.0, every=0.05):
    """Polls until the condition holds and gives its value; its last value is part of the failure.

    A condition may return (False, text): the text then says how far it is from holding.
    """
    end = time.monotonic() + within
    while True:
        value = condition()
        held, seen = (value[0], value[1]) if isinstance(value, tuple) else (value, value)
        if held:
            return seen
        if time.monotonic() > end:
            raise Failure(f"not within {within:g} s: {what}" + (f"; seen: {seen}" if seen else ""))
        time.sleep(every)


def holds(what, condition, during, every=0.2):
    """Polls for a while and fails as soon as the condition does not hold."""
    end = time.monotonic() + during
    while time.monotonic() < end:
        if not condition():
            raise Failure(f"did not last {during:g} s: {what}")
        time.sleep(every)
