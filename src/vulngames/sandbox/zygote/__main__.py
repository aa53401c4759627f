"""Start a zygote: arguments are its end of a socket, a pidfd of the supervisor, the tier to lock
down to, the profile to preload, and where that lies.

A request is one message of JSON with descriptors (code, standard error, and what its mode needs); the reply says how
the children ended. The zygote never reads what is behind a descriptor, so a child finds nothing of another in the
memory it inherits.
"""

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
import types
from typing import Any

from .child import ROLES, child
from .kernel import fork
from .layers import Layers, lock_down, needs_full_preload
from .pace import PATIENCE, outlast, start_companion, wait
from .preload import preload

MOST_DESCRIPTORS = 64


def serve(control: socket.socket, supervisor: int, blank: types.ModuleType, layers: Layers) -> None:
    """Answer requests one at a time until the supervisor (a pidfd) or its end of the socket is gone."""
    idle = select.poll()
    idle.register(control, select.POLLIN)
    idle.register(supervisor, select.POLLIN)
    while supervisor not in (fd for fd, _ in idle.poll()):
        message, descriptors, _, _ = socket.recv_fds(control, 4096, MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
        if not message:
            return
        request = json.loads(message)
        control.send(json.dumps(run(request, descriptors, control, supervisor, blank, layers)).encode())


def run(
    request: dict[str, Any],
    descriptors: list[int],
    control: socket.socket,
    supervisor: int,
    blank: types.ModuleType,
    layers: Layers,
) -> dict[str, Any]:
    """Fork the children for one request, see them to their end, and return how they ended."""
    limits, zygote = request["limits"], os.getpid()
    deadline = time.monotonic() + limits["wall_s"]
    started_read, started_write = os.pipe()
    roles, pids = ROLES[request["mode"]], []
    if len(roles) > 1:
        descriptors += [end.detach() for end in socket.socketpair()]
    for role in roles:
        pids.append(fork())
        if pids[-1] == 0:
            child(role, request, descriptors, started_write, zygote, blank, layers)
    # Before the wait: of two children, each must see it when the other is gone.
    for fd in (started_write, *descriptors):
        os.close(fd)
    timed_out, starved, companions = False, False, list[int]()
    if wait(pids[-1:], supervisor, deadline) is None:
        more_s, due_s = (PATIENCE - 1) * limits["wall_s"], min(limits["cpu_s"], limits["wall_s"])
        control.send(json.dumps({"more_s": more_s}).encode())
        companions.append(start_companion(due_s))
        timed_out, starved = outlast(pids, companions[0], supervisor, due_s, deadline + more_s)
    codes, used = bury(pids + companions)
    started = os.read(started_read, len(roles)) == b"1" * len(roles)
    os.close(started_read)
    return {
        "codes": codes[: len(pids)],
        "timed_out": timed_out,
        "cpu_s": sum(used[: len(pids)]),
        "started": started,
        "starved": starved,
    }


def bury(pids: list[int]) -> tuple[list[int], list[float]]:
    """Kill the children and all they started; return the exit status (or minus the signal) and CPU seconds of each."""
    codes, used = [], []
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        # The group at one stroke, which code that keeps forking cannot outrun; then, one by one, whoever left it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        codes.append(os.waitstatus_to_exitcode(status))
        used.append(usage.ru_utime + usage.ru_stime)
    # As subreaper the zygote has inherited them, and it has no other children.
    with contextlib.suppress(ChildProcessError):
        # Asked first, since where no child can fork there is nobody, and no /proc to list them either.
        while True:
            os.waitpid(-1, os.WNOHANG)
            for orphan in children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            os.waitpid(-1, 0)
    return codes, used


def children() -> list[int]:
    """Return the process ids of this process's children."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(pid) for pid in file.read().split()]


def main() -> None:
    """Preload, lock down, say what was locked (or why it could not be), and serve."""
    control, supervisor = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    tier, profile, folder = sys.argv[3:6]
    # Ours alone: a submission must not find these modules.
    del sys.path[0]
    blank = preload(profile, folder, full=needs_full_preload(tier))
    try:
        layers = lock_down(tier)
    except OSError as error:
        control.send(json.dumps({"refused": str(error)}).encode())
        return
    control.send(json.dumps({"layers": layers.names}).encode())
    serve(control, supervisor, blank, layers)


if __name__ == "__main__":
    main()
