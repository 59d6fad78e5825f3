"""Every question of the dashboards and alert rules in deploy/, asked of a real Prometheus with the stack's settings.

What a panel shows while all is well has to be there; what shows failures has to be there once these were made. A query
of a rule is asked with shorter times where its own would take minutes; `promtool test rules` tries them as they are.
"""

import os
import signal
import time

import deployed
from processes import Failure, Skip, wait_until
from scratch import QUICK
from stack import stacked
from watch import check

# What a failure has to bring to light: the rules, as they are or with something shorter in them.
SHORTER = {"AgentSilent": ("[2m]", "[5s]"), "OutboxGrowing": ("> 120", "> 2")}
# A collector that hangs for some seconds is enough for points to be dropped.
IMPATIENT = {"DOCKPULSE_EXPORT__TIMEOUT": "2s", "DOCKPULSE_EXPORT__RETRY__GIVE_UP_AFTER": "1s"}
TIMES = {"__rate_interval": "20s", "__interval": "20s", "__range": "5m"}
WRITE = "dd if=/dev/zero of=/tmp/x bs=64k count=4 oflag=direct 2>/dev/null"
BUSY = f"while :; do {WRITE}; ping -c 1 -W 1 %s >/dev/null; sleep 0.3; done"
FULL = "dd if=/dev/zero of=/dev/shm/fill bs=1M count=31 2>/dev/null; sleep 1000000 & wait"
GREEDY = "sleep 1; dd if=/dev/zero of=/dev/shm/fill bs=1M count=60 2>/dev/null; sleep 1000000 & wait"


@check("every question of the dashboards and alert rules has an answer, those about failures after these were made")
def questions(world):
    with stacked(world) as stack:
        asked = Asked(stack)
        web = well(stack)
        stack.run_agent(**QUICK, **IMPATIENT)
        asked.await_all("everything that does not tell of failures has an answer", asked.of_the_well(), 45, web)
        first = len(asked.open)
        containers_fail(stack, asked)
        collector_hangs(stack, asked)
        engine_hangs(stack, asked)
        agent_ends(stack, asked)
        if asked.open:
            raise Failure("nothing has answered, whatever failed:\n" + "\n".join(str(one) for one in asked.open))
        return f"{asked.count} questions, {first} of them about failures"


class Asked:
    """The questions that nothing has answered yet."""

    def __init__(self, stack):
        self.stack, self.containers = stack, []
        self.open = [*deployed.of_panels(), *deployed.of_variables(), *deployed.of_spans()]
        self.open += map(of_rule, deployed.rules())
        self.count = len(self.open)

    def of_the_well(self):
        """What has an answer as long as a container runs."""
        return [question for question in self.open if not question.quiet]

    def ask(self):
        """Asks what is open, of each container where the question is of one."""
        self.open = [question for question in self.open if not any(map(self.stack.answers, self.forms(question)))]

    def forms(self, question):
        names = self.containers if "$container" in question.expression else [""]
        for name in names:
            yield deployed.filled(question.expression, **TIMES, engine=".*", host=".*", agent=".*", container=name,
                                  __tags='job="dockpulse"')

    def await_all(self, what, wanted, within, *containers):
        """Asks until all of these have had an answer."""
        self.containers += [container.name for container in containers]

        def missing():
            self.ask()
            left = [question for question in wanted if question in self.open]
            return not left, "\n".join(["without an answer:", *map(str, left)])
        wait_until(what, missing, within, every=0.5)

    def await_rules(self, what, names, within, *containers):
        rules = [question for question in self.open if question.place.removeprefix("rule ") in names]
        self.await_all(what, rules, within, *containers)


def of_rule(rule):
    before, after = SHORTER.get(rule["alert"], ("", ""))
    if before not in rule["expr"]:
        raise Failure(f"{rule['alert']} has no {before}")
    expression = rule["expr"].replace(before, after) if before else rule["expr"]
    return deployed.Question(f"rule {rule['alert']}", expression, "no alert")


def well(stack):
    """A container that has all that a container may have, and does a little of everything."""
    return stack.engine.run("web", "sh", "-c", BUSY % stack.gateway, options=(
        "--network", stack.network, "-m", "96m", "--cpus", "0.5", "--pids-limit", "64", "--health-cmd", "true",
        "--health-interval", "1s", *counted_disk(stack)))


def counted_disk(stack):
    """Flags with which the kernel counts what a container writes: since Linux 6.10 control groups of the first version
    do so once something limits a device."""
    device = os.stat(stack.engine.folder).st_dev
    where = f"/sys/dev/block/{os.major(device)}:{os.minor(device)}"
    if not os.path.exists(where):
        raise Skip(f"{stack.engine.folder} is on no device that counts what is written")
    return "--device-write-bps", f"/dev/{os.path.basename(os.path.realpath(where))}:1gb"


def containers_fail(stack, asked):
    run, limits = stack.engine.run, ("--network", "none")
    made = [
        run("loop", "sh", "-c", "exit 3", options=(*limits, "--restart", "always")),
        run("greedy", "sh", "-c", GREEDY, options=(*limits, "-m", "16m", "--shm-size", "64m")),
        run("full", "sh", "-c", FULL, options=(*limits, "-m", "34m", "--shm-size", "64m")),
        run("slow", "sh", "-c", "while :; do :; done", options=(*limits, "--cpus", "0.05")),
        run("ill", options=(*limits, "--health-cmd", "false", "--health-interval", "1s", "--health-retries", "1")),
        run("ended", "sh", "-c", "exit 3", options=limits),
    ]
    rules = {rule["alert"] for rule in deployed.rules() if rule["alert"].startswith("Container")}
    asked.await_rules("the rules about containers see them fail", rules, 40, *made)
    stack.engine.docker("rm", "-f", *(container.id for container in made))


def collector_hangs(stack, asked):
    """It takes nothing for a while, then all that has waited and was not dropped."""
    process = stack.collector.process
    process.send(signal.SIGSTOP)
    try:
        time.sleep(8)
    finally:
        process.send(signal.SIGCONT)
    asked.await_rules("the rules about the outbox see that", {"OutboxGrowing", "PointsDropped"}, 20)


def engine_hangs(stack, asked):
    stack.engine.hang()
    try:
        asked.await_rules("the rule about engines sees that it hangs", {"EngineDown"}, 25)
    finally:
        stack.engine.revive()
    asked.await_all("what the dashboards show of failures is there", [
        question for question in asked.open if not question.place.startswith("rule ")], 25)


def agent_ends(stack, asked):
    stack.engine.docker("stop", stack.agent.id)
    asked.await_rules("the rule about agents misses it", {"AgentSilent"}, 20)
