"""The process that runs submitted code, from its fork to its end."""

import atexit
import json
import os
import signal
import sys
import threading
import types
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from .kernel import PDEATHSIG, prctl
from .layers import Layers

_PRELUDE_RECURSION_LIMIT = 50_000


def child(
    request: dict[str, Any],
    descriptors: list[int],
    started: int,
    zygote: int,
    blank: types.ModuleType,
    layers: Layers,
) -> NoReturn:
    """Become the process that runs the submitted code, and run it."""
    os.setsid()
    prctl(PDEATHSIG, signal.SIGKILL)
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
    layers.lock_down_child(request["limits"])
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
