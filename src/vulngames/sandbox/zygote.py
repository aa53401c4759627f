"""The zygote: a clean interpreter that forks one child for each run of submitted code.

It is started by exec and never imported; it uses the standard library only. A request is one message of JSON
with four descriptors (code, input, output, standard error); the reply says how the child ended. The zygote
never reads what is behind a descriptor, so a child finds nothing of another in the memory it inherits.
"""

import _sitebuiltins
import atexit
import builtins
import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import threading
import time
import types
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

_PRELOAD = """
    array bisect calendar cmath collections.abc contextlib copy csv dataclasses datetime decimal enum
    fractions functools hashlib heapq io itertools math numbers operator pprint queue random re statistics
    string struct textwrap threading time traceback typing
"""

# LiveCodeBench puts these in front of answers to problems with starter code. The order is its own, and
# matters: `builtins` gives back the `pow` and `open` that earlier ones shadow.
_PRELUDE = """
    string re datetime collections heapq bisect copy math random statistics itertools functools operator io
    sys json builtins typing
"""
_PRELUDE_RECURSION_LIMIT = 50_000

_STACK_BYTES = 64 << 20
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 4, 36, 38

_prctl = ctypes.CDLL(None, use_errno=True).prctl


def prctl(option: int, value: int) -> None:
    """Set an attribute of this process; OSError if the kernel refuses."""
    if _prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value}) failed")


def preload() -> types.ModuleType:
    """Import what children are likely to need; return a blank module for answers to starter code."""
    for name in _PRELOAD.split():
        importlib.import_module(name)
    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D")
    names = dict(vars(builtins))
    for name in _PRELUDE.split():
        exec(f"from {name} import *", names)
    for name in _PRELUDE.split():
        exec(f"import {name}", names)
    module = types.ModuleType("submission")
    # As builtins, not globals: `operator.add` must not stand in for an `add` that the submission lacks.
    module.__dict__["__builtins__"] = names
    gc.collect()
    gc.freeze()
    return module


def lock_down() -> None:
    """Give up for good what neither zygote nor child may have, and undo what a trainer set for itself."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    prctl(_PR_SET_NO_NEW_PRIVS, 1)
    prctl(_PR_SET_DUMPABLE, 0)
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    os.environ.clear()


def lock_down_child(limits: dict[str, Any]) -> None:
    """Give up for good what the child alone must not have: the last step before submitted code runs."""
    cpu_s, file_bytes = limits["cpu_s"], limits["output_kb"] << 10
    memory_bytes = limits["memory_mb"] << 20
    for kind, soft, margin in (
        (resource.RLIMIT_CPU, cpu_s, 1),
        (resource.RLIMIT_FSIZE, file_bytes, 0),
        (resource.RLIMIT_NOFILE, limits["files"], 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_MEMLOCK, 0, 0),
        (resource.RLIMIT_STACK, _STACK_BYTES, 0),
        (resource.RLIMIT_AS, memory_bytes, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        ceiling = sys.maxsize if hard == resource.RLIM_INFINITY else hard
        resource.setrlimit(kind, (min(soft, ceiling), min(soft + margin, ceiling)))


def serve(control: socket.socket, supervisor: int, blank: types.ModuleType) -> None:
    """Answer requests one at a time until the supervisor (a pidfd) or its end of the socket is gone."""
    idle = select.poll()
    idle.register(control, select.POLLIN)
    idle.register(supervisor, select.POLLIN)
    control.send(b"ready")
    while supervisor not in (fd for fd, _ in idle.poll()):
        message, descriptors, _, _ = socket.recv_fds(control, 4096, 4, socket.MSG_CMSG_CLOEXEC)
        if not message:
            return
        request = json.loads(message)
        reply = run(request, descriptors, supervisor, blank)
        for fd in descriptors:
            os.close(fd)
        control.send(json.dumps(reply).encode())


def run(request: dict[str, Any], descriptors: list[int], supervisor: int, blank: types.ModuleType) -> dict[str, Any]:
    """Fork a child for one request, see it to its end, and return how it ended."""
    deadline = time.monotonic() + request["limits"]["wall_s"]
    zygote = os.getpid()
    started_read, started_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        child(request, descriptors, started_write, zygote, blank)
    os.close(started_write)
    timed_out = not wait(pid, supervisor, deadline)
    code, cpu_s = bury(pid)
    started = os.read(started_read, 1) == b"1"
    os.close(started_read)
    return {"code": code, "timed_out": timed_out, "cpu_s": cpu_s, "started": started}


def wait(pid: int, supervisor: int, deadline: float) -> bool:
    """Wait until the child, or the supervisor, has ended; False if the deadline came first."""
    ended = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(ended, select.POLLIN)
    poll.register(supervisor, select.POLLIN)
    seen = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
    os.close(ended)
    return bool(seen)


def bury(pid: int) -> tuple[int, float]:
    """Kill the child and all it started; return its exit status (or minus the signal) and CPU seconds."""
    os.kill(pid, signal.SIGKILL)
    # The group at one stroke, which code that keeps forking cannot outrun; then, one by one, whoever left it.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    # As subreaper the zygote has inherited them, and it has no other children.
    with contextlib.suppress(ChildProcessError):
        while True:
            for orphan in children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            os.waitpid(-1, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime


def children() -> list[int]:
    """Return the process ids of this process's children."""
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return [int(pid) for pid in file.read().split()]


def child(
    request: dict[str, Any], descriptors: list[int], started: int, zygote: int, blank: types.ModuleType
) -> NoReturn:
    """Become the process that runs the submitted code, and run it."""
    os.setsid()
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != zygote:
        os._exit(1)
    code_fd, input_fd, output_fd, stderr_fd = descriptors
    code = read(code_fd)
    os.dup2(stderr_fd, 2)
    program: Callable[[types.ModuleType], None]
    if request["mode"] == "stdio":
        os.dup2(input_fd, 0)
        os.dup2(output_fd, 1)
        module, program = types.ModuleType("__main__"), partial(script, code)
    else:
        asked = json.loads(read(input_fd))
        module, program = blank, partial(calls, code, asked, output_fd)
    module.__file__ = sys.argv[0] = "submission.py"
    del sys.argv[1:]
    sys.modules[module.__name__] = module
    lock_down_child(request["limits"])
    os.write(started, b"1")
    os.closerange(3, output_fd)
    os.closerange(output_fd + 1, 256)
    finish(program, module)


def read(fd: int) -> bytes:
    """Return the whole file, whatever the offset of the shared descriptor."""
    return os.pread(fd, os.fstat(fd).st_size, 0)


def script(code: bytes, module: types.ModuleType) -> None:
    """Run the code as a program."""
    exec(compile(code, "submission.py", "exec", dont_inherit=True), module.__dict__)


def calls(code: bytes, asked: dict[str, Any], output: int, module: types.ModuleType) -> NoReturn:
    """Load the code and write one line for each call: `[index, "ok", value]` or `[index, "error", text]`."""
    sys.setrecursionlimit(_PRELUDE_RECURSION_LIMIT)
    script(code, module)
    for index, arguments in enumerate(asked["calls"]):
        # Whatever the submission raises, SystemExit included, is the answer to this call and to no other.
        try:
            value = find(module, asked["entry"])(*arguments)
            line = json.dumps([index, "ok", value], ensure_ascii=False).encode()
        except BaseException as error:
            line = json.dumps([index, "error", f"{type(error).__name__}: {error}"[:300]]).encode()
        os.write(output, line + b"\n")
    os._exit(0)


def find(module: types.ModuleType, entry: str) -> Callable[..., Any]:
    """Return what `entry` names: a function, a method of a new instance, or for want of it the other kind."""
    owner, _, name = entry.rpartition(".")
    cls = getattr(module, owner or "Solution", None)
    if (owner or not hasattr(module, name)) and hasattr(cls, name):
        return getattr(cls(), name)  # type: ignore[misc, no-any-return]
    return getattr(module, name)  # type: ignore[no-any-return]


def finish(program: Callable[[types.ModuleType], None], module: types.ModuleType) -> NoReturn:
    """Run the program and leave as the interpreter would, but without the cost of tearing it down."""
    status = 0
    # Any exception of the submission ends here: this frame is the bottom of its stack.
    try:
        program(module)
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BaseException as error:
        status = 1
        sys.excepthook(type(error), error, error.__traceback__)
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    # Files that the program left open are written out when its names are gone.
    module.__dict__.clear()
    for stream in (sys.stdout, sys.__stdout__, sys.stderr):
        if stream is not None and not getattr(stream, "closed", False):
            stream.flush()
    os._exit(status & 0xFF)


if __name__ == "__main__":
    control_fd, supervisor_fd = map(int, sys.argv[1:])
    blank = preload()
    lock_down()
    serve(socket.socket(fileno=control_fd), supervisor_fd, blank)
