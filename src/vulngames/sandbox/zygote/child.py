"""The process that runs submitted code, from its fork to its end."""

import atexit
import json
import os
import random
import signal
import sys
import threading
import types
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from . import split
from .kernel import PDEATHSIG, ready_prctl
from .layers import Layers

_PRELUDE_RECURSION_LIMIT = 50_000
# As many as LiveCodeBench lets a program print of an integer; the interpreter's own bound is 4300.
_MOST_DIGITS = 50_000
_die_with_the_zygote = ready_prctl(PDEATHSIG, signal.SIGKILL)

ROLES = {"stdio": ("stdio",), "batch": ("batch",), "call": ("call",), "split": ("answering", "testing")}
"""The children of each mode; how the last one ends is how the run ends."""

Program = Callable[[], None]


def child(
    role: str,
    request: dict[str, Any],
    descriptors: Sequence[int],
    started: int,
    zygote: int,
    blank: types.ModuleType,
    layers: Layers,
) -> NoReturn:
    """Become the process that runs the submitted code, and run it."""
    os.setsid()
    # Or all children would draw the same.
    random.seed()
    _die_with_the_zygote()
    if os.getppid() != zygote:
        os._exit(1)
    code_fd, stderr_fd, *rest = descriptors
    code = read(code_fd)
    os.dup2(stderr_fd, 2)
    program, module, kept = _PREPARE[role](code, request, rest, blank)
    module.__file__ = sys.argv[0] = "submission.py"
    del sys.argv[1:]
    sys.modules[module.__name__] = module
    layers.lock_down_child(request["limits"])
    os.write(started, b"1")
    close_all_but(kept)
    finish(program, module)


Prepared = tuple[Program, types.ModuleType, list[int]]


def _stdio(code: bytes, request: dict[str, Any], files: list[int], blank: types.ModuleType) -> Prepared:
    os.dup2(files[0], 0)
    os.dup2(files[1], 1)
    sys.set_int_max_str_digits(_MOST_DIGITS)
    module = types.ModuleType("__main__")
    return partial(script, code, module), module, []


def _batch(code: bytes, request: dict[str, Any], files: list[int], blank: types.ModuleType) -> Prepared:
    sys.set_int_max_str_digits(_MOST_DIGITS)
    return partial(batch, code, files[0], files[1::2], files[2::2]), types.ModuleType("__main__"), files


def _call(code: bytes, request: dict[str, Any], files: list[int], blank: types.ModuleType) -> Prepared:
    asked, output = json.loads(read(files[0])), files[1]
    return partial(calls, code, asked, output, blank), blank, [output]


def _answering(code: bytes, request: dict[str, Any], files: list[int], blank: types.ModuleType) -> Prepared:
    _, _, channel, _ = files
    return partial(answers, code, channel, blank), blank, [channel]


def _testing(code: bytes, request: dict[str, Any], files: list[int], blank: types.ModuleType) -> Prepared:
    tests, verdict, _, channel = files
    program = partial(split.test, read(tests), request["entry"], channel, verdict)
    return program, types.ModuleType("__main__"), [verdict, channel]


_PREPARE = {"stdio": _stdio, "batch": _batch, "call": _call, "answering": _answering, "testing": _testing}


def read(fd: int) -> bytes:
    """Return the whole file, whatever the offset of the shared descriptor."""
    return os.pread(fd, os.fstat(fd).st_size, 0)


def close_all_but(kept: Sequence[int]) -> None:
    """Close every descriptor but the standard ones and those."""
    low = 3
    for fd in sorted(kept):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 256)


def script(code: bytes, module: types.ModuleType) -> None:
    """Run the code as a program."""
    exec(compile(code, "submission.py", "exec", dont_inherit=True), module.__dict__)


def batch(code: bytes, marks: int, inputs: Sequence[int], outputs: Sequence[int]) -> NoReturn:
    """Run the code as a program once for each input, and write a byte to `marks` after each that ended well.

    One that ends badly ends this process, as it would by itself, and so does one that leaves threads, which could
    write on the next one's output: the supervisor has the others run elsewhere.
    """
    for stdin, output in zip(inputs, outputs, strict=True):
        os.dup2(stdin, 0)
        os.dup2(output, 1)
        open_streams()
        module = sys.modules["__main__"] = types.ModuleType("__main__")
        module.__file__ = "submission.py"
        try:
            script(code, module)
        except SystemExit as end:
            if end.code not in (None, 0):
                raise
        threads = threading.active_count() > 1
        leave_tidy(module)
        if threads:
            break
        os.write(marks, b"1")
    os._exit(0)


def open_streams() -> None:
    """Give Python new streams of the descriptors 0 and 1."""
    stdin = open(0, errors="surrogateescape", closefd=False)  # noqa: SIM115
    stdout = open(1, "w", errors="surrogateescape", closefd=False)  # noqa: SIM115
    vars(sys).update(stdin=stdin, __stdin__=stdin, stdout=stdout, __stdout__=stdout)


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


def answers(code: bytes, channel: int, module: types.ModuleType) -> NoReturn:
    """Load the code and answer a test program's questions."""
    sys.setrecursionlimit(_PRELUDE_RECURSION_LIMIT)
    script(code, module)
    split.answer(partial(find, module), channel)


def find(module: types.ModuleType, entry: str) -> Callable[..., Any]:
    """Return what `entry` names: a function, a method of a new instance, or for want of it the other kind."""
    owner, _, name = entry.rpartition(".")
    cls: Any = getattr(module, owner or "Solution", None)
    is_method = (owner or not hasattr(module, name)) and hasattr(cls, name)
    function: Callable[..., Any] = getattr(cls() if is_method else module, name)
    return function


def finish(program: Program, module: types.ModuleType) -> NoReturn:
    """Run the program and leave as the interpreter would, but without the cost of tearing it down."""
    status = 0
    # Any exception of the submission ends here: this frame is the bottom of its stack.
    try:
        program()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as error:
        status = 1
        sys.excepthook(type(error), error, error.__traceback__)
    leave_tidy(module)
    os._exit(status & 0xFF)


def leave_tidy(module: types.ModuleType) -> None:
    """Do what a program may expect of the interpreter at its end."""
    if threading.active_count() > 1:
        threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    # Files that the program left open are written out when its names are gone.
    module.__dict__.clear()
    for stream in (sys.stdout, sys.__stdout__, sys.stderr):
        if stream is not None and not getattr(stream, "closed", False):
            stream.flush()
