"""The image that deploy/Dockerfile makes, on a real engine, with the rights that deploy/compose gives it."""

import json
import pathlib

from processes import Failure, wait_until
from stack import stacked
from watch import MEMORY, PROMISED, check

CONTAINERS = '{__name__=~"container_.+"}'
QUICK = {"DOCKPULSE_INTERVAL": "1s", "OTEL_METRIC_EXPORT_INTERVAL": "1000", "OTEL_BSP_SCHEDULE_DELAY": "500"}


@check("the image from scratch runs as nobody with the socket's group, finds names, and retracts all at its end")
def from_scratch(world):
    with stacked(world) as stack:
        alive = stack.engine.run("alive")
        stack.once("--retract")
        stack.run_agent(**QUICK)
        wait_until("the container is in Prometheus", lambda: (live(stack, alive), stack.log()[-600:]), 20)
        may_do_nothing_else(stack)
        calls_itself_well(stack)
        wait_until("the agent's traces are where Tempo would be", lambda: "probe" in stack.tempo.spans(), 15)
        bad = [line for line in stack.log().splitlines() if " WARN " in line or " ERROR " in line]
        if bad:
            raise Failure("the agent complains:\n" + "\n".join(bad))
        stack.engine.docker("stop", stack.agent.id)
        if stack.inspected("{{.State.ExitCode}}") != "0":
            raise Failure(f"its exit status is {stack.inspected('{{.State.ExitCode}}')}")
        wait_until("nothing of a container is live", lambda: stack.prometheus.ended(CONTAINERS), PROMISED)
        return size(stack)


def live(stack, container):
    return MEMORY in stack.prometheus.names(container_id=container.id)


def may_do_nothing_else(stack):
    """What the kernel says of the process, not what was asked for."""
    pid = stack.inspected("{{.State.Pid}}")
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    wanted = {"Uid": "65534\t" * 3 + "65534", "Gid": "65534\t" * 3 + "65534", "CapPrm": "0" * 16, "CapBnd": "0" * 16,
              "NoNewPrivs": "1"}
    told = {name: status[name] for name in wanted}
    groups = status["Groups"].split()
    if told != wanted or set(groups) - {"65534"} != {str(stack.group)}:
        raise Failure(f"the process has other rights: {told}, groups {groups}")
    root = next(line.split() for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
                if line.split()[4] == "/")
    if "ro" not in root[5].split(","):
        raise Failure(f"its root can be written: {root}")
    user = stack.engine.docker("image", "inspect", "--format", "{{.Config.User}}", stack.world.stack_image)
    if user != wanted["Uid"].split()[0] + ":" + wanted["Gid"].split()[0]:
        raise Failure(f"without a compose file the image runs as {user!r}")


def calls_itself_well(stack):
    """The image's own health check, run as the engine runs it, but now."""
    form, *words = json.loads(stack.inspected("{{json .Config.Healthcheck.Test}}"))
    told = stack.engine.docker("exec", stack.agent.id, *words)
    if form != "CMD" or "engines " not in told:
        raise Failure(f"{form} {' '.join(words)} says:\n{told}")


def size(stack):
    number = int(stack.engine.docker("image", "inspect", "--format", "{{.Size}}", stack.world.stack_image))
    return f"{number / 2**20:.0f} MiB, not optimized as a whole"
