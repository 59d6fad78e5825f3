"""What happens when the engine, the collector or the agent itself stops, hangs, crashes or starts late."""

import time

from processes import Failure, holds, wait_until
from prometheus import of
from watch import CPU, MEMORY, check

CONTAINERS = '{__name__=~"container_.+"}'


@check("a stopped engine takes all its series along and comes back without a false reset")
def engine_stopped(world):
    with world.second_engine() as engine:
        container = engine.run("survivor", "sh", "-c", "while :; do sleep 0.05; done")
        with world.watching(engine) as seen:
            seen.await_live(container)
            wait_until("a few samples are in", lambda: samples(seen, container) >= 4)
            before, pid = uptime_start(seen, container), seen.agent.process.pid
            engine.stop()
            took = seen.await_ended(CONTAINERS, "all series of the engine's containers have ended", 8)
            seen.await_up(0, 8)
            engine.start()
            seen.await_live(container)
            seen.await_up(1)
            same_life(seen, container, before)
            if not seen.agent.alive() or seen.agent.process.pid != pid:
                raise Failure("it is not the same agent process any more")
            return f"ended after {took:.2f} s"


def samples(seen, container):
    return seen.prometheus.value(f"max(count_over_time({of(__name__=CPU, container_id=container.id)}[5m]))") or 0


def uptime_start(seen, container):
    """The moment the container started, as the uptime tells it."""
    return seen.prometheus.value(f'timestamp({of(__name__="container_uptime_seconds", container_id=container.id)}) - '
                                 f'{of(__name__="container_uptime_seconds", container_id=container.id)}')


def same_life(seen, container, before):
    """The counters went on: same start, no reset."""
    wait_until("samples go on", lambda: samples(seen, container) >= 6)
    resets = seen.prometheus.value(f"max(resets({of(__name__=CPU, container_id=container.id)}[5m]))")
    if resets != 0:
        raise Failure(f"Prometheus counts {resets} resets of container.cpu.time")
    starts = seen.collector.starts(container.id, "container.cpu.time")
    if len(starts) != 1:
        raise Failure(f"the points have several start times: {starts}")
    after = uptime_start(seen, container)
    if abs(after - before) > 2:
        raise Failure(f"the uptime tells another start: {before} before, {after} after")


@check("a hung engine takes all its series along and comes back")
def engine_hung(world):
    with world.second_engine() as engine:
        container = engine.run("hung")
        with world.watching(engine) as seen:
            seen.await_live(container)
            wait_until("a few samples are in", lambda: samples(seen, container) >= 3)
            engine.hang()
            try:
                took = seen.await_ended(CONTAINERS, "all series of the engine's containers have ended", 9)
                seen.await_up(0, 5)
            finally:
                engine.revive()
            seen.await_live(container)
            seen.await_up(1)
            seen.agent.alive()
            return f"ended after {took:.2f} s"


@check("SIGTERM leaves nothing live and ends with status 0")
def terminated(world):
    made = [world.engine.run("term1"), world.engine.run("term2")]
    with world.watching() as seen:
        seen.await_live(*made)
        status = seen.agent.terminate()
        if status != 0:
            raise Failure(f"the exit status is {status}")
        return f"ended after {seen.await_empty('nothing is live any more', 2):.2f} s"


@check("dockpulse once publishes once, says what, and with --retract leaves nothing")
def once(world):
    container = world.engine.run("once")
    with world.watching(start=("prometheus", "collector")) as seen:
        status, printed, errors = seen.agent.once()
        if status != 0 or not printed.strip():
            raise Failure(f"exit status {status}, printed {printed!r}\n{errors.strip()}")
        wait_until("the container is in Prometheus", lambda: MEMORY in seen.names(container), 5)
        status, printed, errors = seen.agent.once("--retract")
        if status != 0:
            raise Failure(f"once --retract: exit status {status}\n{errors.strip()}")
        seen.await_empty("once --retract has left nothing", 3)


@check("an agent started before the engine and the collector publishes once they are up")
def started_first(world):
    with world.second_engine() as engine:
        engine.stop()
        with world.watching(engine, start=("prometheus", "agent")) as seen:
            holds("the agent waits for both", seen.agent.alive, 3)
            seen.collector.start()
            seen.await_up(0, 20)
            engine.start()
            container = engine.run("late")
            seen.await_live(container, within=20)
            seen.agent.alive()


@check("what ends while the collector is down has ended in Prometheus once it is back")
def collector_down(world):
    dead, alive = world.engine.run("lost"), world.engine.run("kept")
    with world.watching() as seen:
        seen.await_live(dead, alive)
        seen.collector.stop()
        world.engine.remove(dead)
        holds("the agent bears it", seen.agent.alive, 3)
        seen.collector.start()
        seen.await_ended(of(container_id=dead.id), "the container that died meanwhile has ended", 15)
        wait_until("the other one goes on", lambda: fresh(seen, alive), 15)
        if not seen.agent.alive() or seen.value(MEMORY, dead) is not None:
            raise Failure("the dead container is live again")


def fresh(seen, container):
    """Whether the newest sample is a few seconds old at most."""
    age = seen.prometheus.value(f"time() - timestamp({of(__name__=MEMORY, container_id=container.id)})")
    return age is not None and age < 3, f"the newest sample is {age} s old"


@check("what a crashed agent left behind is ended at its next start")
def crashed(world):
    dead, alive = world.engine.run("orphan"), world.engine.run("child")
    state = f"{world.folder}/state-{time.monotonic_ns()}"
    with world.watching(None, "--state-dir", state) as seen:
        seen.await_live(dead, alive)
        time.sleep(1)
        seen.agent.kill()
        world.engine.remove(dead)
        if seen.value(MEMORY, dead) is None:
            raise Failure("nothing was left behind, so this shows nothing")
        seen.agent.start()
        seen.await_ended(of(container_id=dead.id), "the container that died meanwhile has ended", 8)
        wait_until("the other one goes on", lambda: fresh(seen, alive), 8)


@check("the agent's own traces, metrics and log arrive at the collector")
def telemetry(world):
    container = world.engine.run("traced")
    with world.watching(telemetry={"metrics": True, "traces": True, "logs": True}) as seen:
        seen.await_live(container)
        wanted = {"probe", "list", "sample", "convert", "commit", "export"}
        wait_until("spans of probes and exports have arrived",
                   lambda: (wanted <= seen.collector.spans(), str(sorted(seen.collector.spans()))), 40, 0.5)
        lines = {"started", "engine_connected"}
        wait_until("lines of its log have arrived",
                   lambda: (lines <= seen.collector.events(), str(sorted(seen.collector.events()))), 10, 0.5)
        seen.agent.terminate()
        metrics = {"dockpulse.probe.duration", "dockpulse.export.requests", "dockpulse.series.live"}
        wait_until("its own metrics have arrived, at its end at the latest",
                   lambda: (metrics <= seen.collector.metrics(), str(sorted(metrics - seen.collector.metrics()))), 5)
        seen.await_ended(CONTAINERS, "nothing of a container is live", 3)
