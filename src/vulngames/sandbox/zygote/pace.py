"""Waiting for a run, and whether one that is not over in time was blocked, or had too little of the processor.

What is due to a run is the processor time that it may use, or its wall-clock time where that is shorter. It goes on
until it has had that, beside a companion: a process of ours that does nothing but compute. If the run takes much less
than its companion gets, it sleeps or waits, and its time is over. Once the companion has had what is due, and as much
again, so could the run have, and its time is over too. If the companion does not come so far, the machine is too busy,
and the run was starved; unless what it started itself, where it may start processes, kept the machine busy.
"""

import contextlib
import os
import select
import time
from signal import SIGKILL
from typing import NoReturn

from .kernel import PDEATHSIG, fork, ready_prctl

PATIENCE = 10
"""How many times its wall-clock time a run may take in all."""
# How much more than what is due a companion gets, since no two processes get quite the same.
_MARGIN = 2
# Below this share of its companion's processor time a run is blocked: unequal shares do not come to that.
_BLOCKED = 0.25
# The share of what is due that a companion must have had for that comparison.
_TELLING = 0.1
_LOOK_S = 0.05
_die_with_the_zygote = ready_prctl(PDEATHSIG, SIGKILL)


def wait(pids: list[int], supervisor: int, deadline: float) -> int | None:
    """Wait until one of the children, or the supervisor (a pidfd), has ended. Return the first child of those that
    have, 0 if it was the supervisor, None if the deadline came first."""
    ended = {os.pidfd_open(pid): pid for pid in pids}
    poll = select.poll()
    for fd in (*ended, supervisor):
        poll.register(fd, select.POLLIN)
    seen = [fd for fd, _ in poll.poll(max(0.0, deadline - time.monotonic()) * 1000)]
    for fd in ended:
        os.close(fd)
    return next((pid for fd, pid in ended.items() if fd in seen), 0) if seen else None


def start_companion(due_s: float) -> int:
    """Fork a process that computes for the processor time that a run is due, with the margin; return its id."""
    zygote, pid = os.getpid(), fork()
    if pid == 0:
        _compute(zygote, _MARGIN * due_s)
    return pid


def _compute(zygote: int, seconds: float) -> NoReturn:
    os.setsid()
    _die_with_the_zygote()
    while os.getppid() == zygote and time.process_time() < seconds:
        for _ in range(10_000):
            pass
    os._exit(0)


def outlast(pids: list[int], companion: int, supervisor: int, due_s: float, deadline: float) -> tuple[bool, bool]:
    """Wait for the last of the children of a run beside its companion. Return whether it is out of time, and whether
    it was starved."""
    before = sum(map(_processor_time, pids))
    while True:
        ended = wait([pids[-1], companion], supervisor, min(deadline, time.monotonic() + _LOOK_S))
        if ended is not None:
            return ended != pids[-1], False
        got, used = _processor_time(companion), sum(map(_processor_time, pids))
        blocked = got >= _TELLING * due_s and used - before < _BLOCKED * got
        if used >= due_s or blocked:
            return True, False
        if time.monotonic() >= deadline:
            hogged = _processor_time_of_family({companion}) >= due_s
            return True, used > before and used - before >= _BLOCKED * got and not hogged


def _processor_time_of_family(others: set[int]) -> float:
    """The CPU seconds so far of all processes that descend from this one, and of those of theirs that have ended, but
    for the `others`; 0 where they cannot be listed, which is where none can be started."""
    spent, pids = 0.0, _children(os.getpid()) - others
    while pids:
        pid = pids.pop()
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
            # From its third field on, after a name that may hold anything: user and system time, and those of children.
            spent += sum(map(int, file.read().rpartition(")")[2].split()[11:15]))
        pids |= _children(pid)
    return spent / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> set[int]:
    pids = set[int]()
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                pids |= set(map(int, file.read().split()))
    return pids


def _processor_time(pid: int) -> float:
    """The CPU seconds of a process so far; 0 where the kernel does not say."""
    with contextlib.suppress(OSError):
        # How Linux numbers the clock of a process: CPUCLOCK_SCHED of its posix-timers.h.
        return time.clock_gettime(~pid << 3 | 2)
    return 0.0
