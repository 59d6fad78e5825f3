"""Ctrl-C and friends: they end the suite once, and never in the middle of cleaning up."""

import contextlib
import signal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
depth, waiting = 0, None


def install():
    for number in SIGNALS:
        signal.signal(number, interrupted)


def interrupted(number, _frame):
    global waiting
    waiting = signal.Signals(number).name
    if depth == 0:
        give_up()


def give_up():
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt(waiting)


@contextlib.contextmanager
def shielded():
    """Lets what is inside run to its end; an interrupt that came meanwhile takes effect then."""
    global depth
    depth += 1
    try:
        yield
    finally:
        depth -= 1
    if depth == 0 and waiting and signal.getsignal(SIGNALS[0]) is not signal.SIG_IGN:
        give_up()
