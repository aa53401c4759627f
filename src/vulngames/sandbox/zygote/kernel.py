"""System calls that Python has no name for."""

import ctypes
import os
from collections.abc import Callable
from typing import Any

NO_NEW_PRIVS, DUMPABLE, CHILD_SUBREAPER, PDEATHSIG, SECCOMP, CAPBSET_DROP = 38, 4, 36, 1, 22, 24

# It keeps the interpreter's lock, which is of no use to a process without threads.
_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def ready(name: str, *arguments: Any) -> Callable[[], int]:
    """Return a call of a function of libc, made ready, so that whoever makes it has little to do.

    It raises OSError, which names the function, if the kernel refuses.
    """
    function, words = getattr(_libc, name), tuple(map(_word, arguments))

    def make() -> int:
        result: int = function(*words)
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, f"{name}: {os.strerror(code)}")
        return result

    return make


def call(name: str, *arguments: Any) -> int:
    """Call a function of libc; OSError names it if the kernel refuses."""
    return ready(name, *arguments)()


def numbered(name: str, number: int, *arguments: Any) -> int:
    """Make a system call that libc may not know yet; `name` is for the error."""
    try:
        return call("syscall", number, *arguments)
    except OSError as error:
        raise OSError(error.errno, f"{name}: {os.strerror(error.errno or 0)}") from None


def prctl(option: int, value: int, *more: Any) -> None:
    """Set an attribute of this process; OSError if the kernel refuses."""
    ready_prctl(option, value, *more)()


def ready_prctl(option: int, value: int, *more: Any) -> Callable[[], int]:
    """Return a call of `prctl`, made ready."""
    return ready("prctl", option, value, *(*more, 0, 0, 0)[:3])


def _word(argument: Any) -> Any:
    # A bare int would be passed in half a register.
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


fork = ready("fork")
"""Forks, without what Python does after its own: that sets right after threads what a zygote has none of, and would
touch, and so copy, a hundred pages of memory in each child. Not for a process with other threads."""
