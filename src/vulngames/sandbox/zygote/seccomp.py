"""The filter on system calls: what it does not allow fails with EPERM, or kills.

The program is a binary search over call numbers. When a filter is installed the kernel runs it once for each number it
knows, and it is installed in every child: by search that takes two thirds of the time that a list takes.
"""

import ctypes
import errno
from collections.abc import Collection, Sequence

from . import syscalls
from .kernel import SECCOMP, ready_prctl

Instruction = tuple[int, int, int, int | None]
"""Code, jumps if true and if false, and operand; None stands for the id of the process that installs it."""

_MODE_FILTER = 2
_LOAD, _EQUAL, _AT_LEAST, _JUMP, _AND, _RETURN = 0x20, 0x15, 0x35, 0x05, 0x54, 0x06
_NUMBER, _ARCH, _ARGUMENTS = 0, 4, 16
_KILL, _ERRNO, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_X32 = 0x40000000

ALLOW: list[Instruction] = [(_RETURN, 0, 0, _ALLOW)]
DENY: list[Instruction] = [(_RETURN, 0, 0, _ERRNO | errno.EPERM)]
KILL: list[Instruction] = [(_RETURN, 0, 0, _KILL)]
# libc then falls back on clone, whose flags can be seen.
_UNKNOWN: list[Instruction] = [(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]

_PROT_EXEC = 0x4
_THREAD = 0x100 | 0x800 | 0x10000  # CLONE_VM, CLONE_SIGHAND, CLONE_THREAD
# CLONE_PTRACE, CLONE_UNTRACED, CLONE_IO and every CLONE_NEW.
_NEVER_CLONE = 0x2000 | 0x800000 | 0x80000000 | 0x20000 | 0x7E000000
_FCNTL = (0, 1, 2, 3, 4, 1030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)  # TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIO(N)CLEX
_AF_UNIX = 1


class _Filter(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_true", ctypes.c_uint8),
        ("if_false", ctypes.c_uint8),
        ("operand", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filters", ctypes.POINTER(_Filter)))


class Filter:
    """A program made ready, so that a child has little to do to install it."""

    def __init__(self, machine: str, paths: bool) -> None:
        """Take the calls of `machine` (a key of `syscalls.AUDIT_ARCH`); `paths`: those that name a file among them."""
        instructions = program(machine, paths)
        self._pids = [index for index, (*_, operand) in enumerate(instructions) if operand is None]
        self._filters = (_Filter * len(instructions))(*(_Filter(c, t, f, k or 0) for c, t, f, k in instructions))
        self._install = ready_prctl(SECCOMP, _MODE_FILTER, ctypes.byref(_Program(len(instructions), self._filters)))

    def install(self, pid: int) -> None:
        """Bind the calling process, whose id is `pid`, for good; OSError if the kernel refuses."""
        for index in self._pids:
            self._filters[index].operand = pid
        self._install()


def program(machine: str, paths: bool) -> list[Instruction]:
    """Return the whole filter."""
    actions = dict.fromkeys(syscalls.allowed(machine).values(), ALLOW)
    if paths:
        actions |= dict.fromkeys(syscalls.paths(machine).values(), ALLOW)
    actions |= dict.fromkeys(syscalls.fatal(machine).values(), KILL)
    conditions = _conditions()
    actions |= {number: conditions[name] for name, number in syscalls.conditional(machine).items()}
    return [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, syscalls.AUDIT_ARCH[machine]),
        *KILL,
        (_LOAD, 0, 0, _NUMBER),
        *_search(_intervals(actions)),
    ]


def _conditions() -> dict[str, list[Instruction]]:
    return {
        "mmap": _masked(2, _PROT_EXEC, 0),
        "mprotect": _masked(2, _PROT_EXEC, 0),
        "clone": _masked(0, _THREAD | _NEVER_CLONE, _THREAD),
        "clone3": _UNKNOWN,
        "ioctl": _among(1, _IOCTL),
        "fcntl": _among(1, _FCNTL),
        "socketpair": _among(0, (_AF_UNIX,)),
        "sendto": [_low(4), (_EQUAL, 0, 2, 0), _high(4), (_EQUAL, 1, 0, 0), *DENY, *ALLOW],
        "kill": _among(0, (None,)),
        "tgkill": _among(0, (None,)),
        "prlimit64": _among(0, (0, None)),
    }


def _low(argument: int) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument)


def _high(argument: int) -> Instruction:
    return (_LOAD, 0, 0, _ARGUMENTS + 8 * argument + 4)


def _masked(argument: int, mask: int, value: int) -> list[Instruction]:
    return [_low(argument), (_AND, 0, 0, mask), (_EQUAL, 0, 1, value), *ALLOW, *DENY]


def _among(argument: int, values: Sequence[int | None]) -> list[Instruction]:
    tests: list[Instruction] = [(_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [_low(argument), *tests, *DENY, *ALLOW]


def _intervals(actions: dict[int, list[Instruction]]) -> list[tuple[int, list[Instruction]]]:
    """Return the first number of each stretch with one action, and that action; the first is 0."""
    stretches: list[tuple[int, list[Instruction]]] = []
    for number in _edges(actions):
        action = KILL if number >= _X32 else actions.get(number, DENY)
        if not stretches or stretches[-1][1] != action:
            stretches.append((number, action))
    return stretches


def _edges(numbers: Collection[int]) -> list[int]:
    return sorted({0, _X32, *numbers, *(number + 1 for number in numbers)})


def _search(stretches: Sequence[tuple[int, list[Instruction]]]) -> list[Instruction]:
    """Return instructions that find the stretch of the loaded number and do its action."""
    if len(stretches) == 1:
        return stretches[0][1]
    middle = len(stretches) // 2
    below, above = _search(stretches[:middle]), _search(stretches[middle:])
    return [(_AT_LEAST, 0, 1, stretches[middle][0]), (_JUMP, 0, 0, len(below)), *below, *above]
