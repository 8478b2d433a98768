"""How many processors others had while something was timed: other processes, and other machines of a virtual one's
host."""

import os
import time
from pathlib import Path
from typing import NamedTuple

STAT = Path("/proc/stat")
# Processors. On two of an Intel Xeon 2.50GHz others had at most 0.03 of a second with nothing else running, where the
# system counts by 0.01 s, and 0.07 beside a loop that asks for memory; 0.3 and more as soon as another process ran. The
# time of a fixed loop is no measure there: it went from 9 to 19 ms while others had nothing.
MOST = 0.2


class Look(NamedTuple):
    """Seconds so far: by the clock, of this process and children that ended, and of all processes."""

    clock: float
    own: float
    all: float


def look():
    """A Look at the processors that this process may run on, or None where the system doesn't tell."""
    if not STAT.exists():
        return None
    return Look(time.perf_counter(), sum(os.times()[:4]), seconds_of_all(STAT.read_text(encoding="ascii")))


def seconds_of_all(text):
    """Seconds that processors were taken, by the system's table of them."""
    allowed, ticks = {f"cpu{number}" for number in os.sched_getaffinity(0)}, 0
    for line in text.splitlines():
        which, *counts = line.split()
        if which in allowed:
            user, nice, system, _idle, _waiting, interrupts, soft_interrupts, stolen = map(int, counts[:8])
            ticks += user + nice + system + interrupts + soft_interrupts + stolen
    return ticks / os.sysconf("SC_CLK_TCK")


def elsewhere(before):
    """Processors that others had since a look, on average, or None where the system doesn't tell."""
    if before is None:
        return None
    now = look()
    others = (now.all - before.all) - (now.own - before.own)
    return max(0.0, others / (now.clock - before.clock))
