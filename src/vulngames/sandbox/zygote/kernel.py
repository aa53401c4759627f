"""System calls that Python has no name for."""

import ctypes
import os
from typing import Any

NO_NEW_PRIVS, DUMPABLE, CHILD_SUBREAPER, PDEATHSIG, SECCOMP, CAPBSET_DROP = 38, 4, 36, 1, 22, 24

# It keeps the interpreter's lock, which is of no use to a process without threads.
_libc = ctypes.PyDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def call(name: str, *arguments: Any) -> int:
    """Call a function of libc; OSError names it if the kernel refuses."""
    result: int = getattr(_libc, name)(*map(_word, arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def numbered(name: str, number: int, *arguments: Any) -> int:
    """Make a system call that libc may not know yet; `name` is for the error."""
    try:
        return call("syscall", number, *arguments)
    except OSError as error:
        raise OSError(error.errno, f"{name}: {os.strerror(error.errno or 0)}") from None


def prctl(option: int, value: int, *more: Any) -> None:
    """Set an attribute of this process; OSError if the kernel refuses."""
    call("prctl", option, value, *(*more, 0, 0, 0)[:3])


def fork() -> int:
    """Fork, without what Python does after its own: that sets right after threads what a zygote has none of.

    It would touch, and so copy, a hundred pages of memory in each child. Not for a process with other threads.
    """
    return call("fork")


def _word(argument: Any) -> Any:
    # A bare int would be passed in half a register.
    return ctypes.c_long(argument) if isinstance(argument, int) else argument
