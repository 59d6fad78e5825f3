"""A collector that is down for long, and an agent with a directory that crashes meanwhile: nothing is lost."""

import time

from processes import Failure, holds, wait_until
from prometheus import of
from watch import CPU, MEMORY, check

INTERVAL = 1.0  # seconds; that of the live suite's agents
RESTART = 4.0  # seconds without a sample that a kill and a start may take


@check("a collector that was down gets everything in order, from an agent that was killed meanwhile, too")
def outage(world):
    dead, alive = world.engine.run("gone"), world.engine.run("stays")
    with world.watching(None, "--state-dir", f"{world.folder}/state-{time.monotonic_ns()}") as seen:
        seen.await_live(dead, alive)
        began = time.time()
        seen.collector.stop()
        holds("the agent bears it", seen.agent.alive, world.outage / 2)
        seen.agent.kill()
        world.engine.remove(dead)
        seen.agent.start()
        holds("the agent bears it", seen.agent.alive, world.outage / 2)
        ended = time.time()
        seen.collector.start()
        seen.await_ended(of(container_id=dead.id), "the container that died meanwhile has ended", 60 + world.outage / 10)
        wait_until("what is late has arrived", lambda: newest(seen, alive) > ended + 2, 60 + world.outage / 10)
        return complete(seen, alive, began, ended)


def newest(seen, container):
    times = seen.prometheus.times(of(__name__=MEMORY, container_id=container.id))
    return times[-1] if times else 0.0


def complete(seen, container, began, ended):
    """Every interval has its sample, but for those while nobody ran."""
    times = [t for t in seen.prometheus.times(of(__name__=MEMORY, container_id=container.id)) if began - 2 < t < ended + 2]
    gaps = [after - before for before, after in zip(times, times[1:])]
    long = [f"{gap:.1f} s" for gap in gaps if gap > 1.9 * INTERVAL]
    if len(long) > 1 or max(gaps) > RESTART:
        raise Failure(f"samples are missing: gaps of {', '.join(long)} among {len(times)}")
    resets = seen.prometheus.value(f"max(resets({of(__name__=CPU, container_id=container.id)}[1h]))")
    if resets != 0:
        raise Failure(f"Prometheus counts {resets} resets of container.cpu.time")
    starts = seen.collector.starts(container.id, "container.cpu.time")
    if len(starts) != 1:
        raise Failure(f"the points have several start times: {starts}")
    return f"{len(times)} samples, the longest gap {max(gaps):.1f} s, in which it was killed and started"
