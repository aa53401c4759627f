"""The wall from inside and from outside: which system calls get through, and what a zygote's memory holds."""

import os
import platform
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vulngames.sandbox import Limits, Sandbox, Status, tier
from vulngames.sandbox.outcome import Outcome
from vulngames.sandbox.worker import WorkerLostError
from vulngames.sandbox.zygote import seccomp, syscalls

if sys.platform != "linux" or platform.machine() != "x86_64":
    pytest.skip("the numbers are those of Linux on x86-64", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:vulngames.sandbox runs at tier")

# Written down apart from the tables of the filter, so that a call which is added there is added here too, or noticed.
ALLOWED = """
    0-1 3 5 7-8 11-15 17-20 22-26 28 32-39 45 48 51-52 55 60 63 74-75 77 79 96-98 100 102 104 107-108 110-111 115 118
    120-121 124 127-128 130-131 186 201-202 204 213 217-219 228-233 270-271 273 281 290-293 309 318 324 334 436 441
"""
PATHS = "2 4 6 21 89 257 262 267 269 332 439"
KILLED = """
    101 105-106 116-117 119 126 155 161 165-166 169 175-176 246 248-250 272 298 308 310-311 313 321 323 425 428-430 442
"""
UNKNOWN = "435"
# What an x86-64 kernel has numbers for, and some that it has not.
NUMBERS = range(475)
# uretprobe and uprobe, which newer kernels let by any filter: they make them themselves, and do nothing for others.
UNFILTERED = (335, 336)

ALLOW, DENY, NO_SUCH_CALL, KILL = "allowed", "refused", "unknown", "killed"
ACTIONS = {0x7FFF0000: ALLOW, 0x00050000 | 1: DENY, 0x00050000 | 38: NO_SUCH_CALL, 0x80000000: KILL}
ALL_WRONG = (2**64 - 1,) * 6
PROGRAMS = {paths: seccomp.program("x86_64", paths) for paths in (True, False)}
PID = 4711
X86_64, I386 = 0xC000003E, 0x40000003
ERRNO = re.compile(r"errno (\d+)\n")


def numbers(text: str) -> set[int]:
    listed = set[int]()
    for part in text.split():
        low, _, high = part.partition("-")
        listed.update(range(int(low), int(high or low) + 1))
    return listed


# --- the filter, run by hand -----------------------------------------------------------------------------


def decision(number: int, arguments: tuple[int, ...] = ALL_WRONG, paths: bool = True, machine: int = X86_64) -> str:
    """What the filter says to a call, by an interpreter of its instructions."""
    call = struct.pack("<IIQ6Q", number, machine, 0, *(arguments + (0,) * 6)[:6])
    at = loaded = 0
    while True:
        code, if_true, if_false, given = PROGRAMS[paths][at]
        operand, at = PID if given is None else given, at + 1
        match code:
            case 0x20:
                [loaded] = struct.unpack_from("<I", call, operand)
            case 0x54:
                loaded &= operand
            case 0x05:
                at += operand
            case 0x15:
                at += if_true if loaded == operand else if_false
            case 0x35:
                at += if_true if loaded >= operand else if_false
            case 0x06:
                return ACTIONS[operand]


@pytest.mark.parametrize("paths", [True, False])
def test_the_calls_that_get_through_are_those_of_the_list(paths: bool) -> None:
    calls: dict[str, set[int]] = {action: set() for action in ACTIONS.values()}
    for number in range(2048):
        calls[decision(number, paths=paths)].add(number)
    assert calls[ALLOW] == numbers(ALLOWED) | (numbers(PATHS) if paths else set())
    assert calls[KILL] == numbers(KILLED)
    assert calls[NO_SUCH_CALL] == numbers(UNKNOWN)


def test_calls_of_other_machines_kill() -> None:
    assert {decision(number | 0x40000000) for number in range(2048)} == {KILL}
    assert {decision(number) for number in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)} == {KILL}
    assert {decision(number, machine=I386) for number in range(2048)} == {KILL}


THREAD = 0x100 | 0x800 | 0x10000
# name: (number, arguments that are let through, arguments that are not)
BY_ARGUMENT: dict[str, tuple[int, list[tuple[int, ...]], list[tuple[int, ...]]]] = {
    "mmap": (9, [(0, 4096, 3)], [(0, 4096, 4), (0, 4096, 7)]),
    "mprotect": (10, [(0, 4096, 1)], [(0, 4096, 5)]),
    "ioctl": (16, [(0, 0x5401), (0, 0x541B)], [(0, 0x5412), (0, 0x541C), (0, 0)]),
    "fcntl": (72, [(1, 1), (1, 4, 2048)], [(1, command) for command in (5, 6, 7, 8, 10, 37, 1024, 1026, 1033)]),
    "sendto": (44, [(3, 1, 1, 0, 0, 0)], [(3, 1, 1, 0, 1, 16), (3, 1, 1, 0, 1 << 32, 16)]),
    "socketpair": (53, [(1, 1, 0)], [(2, 1, 0), (16, 3, 0), (40, 1, 0)]),
    "clone": (
        56,
        [(THREAD,), (THREAD | 0x3D0F00,)],
        [(17,), (0x4111,), (THREAD & ~0x10000,), *((THREAD | 1 << bit,) for bit in (13, 17, 23, 25, 28, 29, 30, 31))],
    ),
    "kill": (62, [(PID, 9)], [(0, 9), (1, 9), (PID + 1, 0), (2**32 - 1, 9), (2**32 - PID, 9)]),
    "tgkill": (234, [(PID, PID, 9)], [(1, 1, 9), (PID + 1, PID, 9)]),
    "prlimit64": (302, [(0, 7), (PID, 7)], [(1, 7), (PID + 1, 7)]),
}


@pytest.mark.parametrize(("number", "good", "bad"), BY_ARGUMENT.values(), ids=BY_ARGUMENT.keys())
def test_arguments_decide(number: int, good: list[tuple[int, ...]], bad: list[tuple[int, ...]]) -> None:
    assert {decision(number, arguments) for arguments in good} == {ALLOW}
    assert {decision(number, arguments) for arguments in bad} == {DENY}


def test_every_call_whose_arguments_decide_has_its_row() -> None:
    assert {number for number, *_ in BY_ARGUMENT.values()} | numbers(UNKNOWN) == set(
        syscalls.conditional("x86_64").values()
    )


# --- the filter, in force --------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["T3", "T2", "T1"])
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    try:
        tier.layers_of(request.param)
    except WorkerLostError as error:
        pytest.skip(str(error))
    with Sandbox(Limits(wall_s=0.3, cpu_s=1), workers=1, tier=request.param) as sandbox:
        yield sandbox


def called(sandbox: Sandbox, number: int) -> Outcome:
    code = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall({number}, -1, -1, -1, -1, -1, -1)
print("errno", ctypes.get_errno())
"""
    return sandbox.stdio(code, [""])[0]


def met(outcome: Outcome) -> str:
    """What a call met with, as far as its caller can see."""
    if outcome.status is Status.SECURITY_VIOLATION:
        return KILL
    errno = ERRNO.fullmatch(str(outcome.output))
    return {"1": DENY, "38": NO_SUCH_CALL}.get(errno[1] if errno else "", ALLOW)


@pytest.mark.slow
def test_calls_meet_with_what_the_filter_says(sandbox: Sandbox, request: pytest.FixtureRequest) -> None:
    paths = request.node.callspec.params["sandbox"] != "T1"
    seen = {number: met(called(sandbox, number)) for number in NUMBERS if number not in UNFILTERED}
    expected = {number: decision(number, paths=paths) for number in seen}
    # What it lets through the kernel may still refuse.
    assert {number: what for number, what in seen.items() if ALLOW != expected[number] != what} == {}
    assert KILL not in {what for number, what in seen.items() if expected[number] == ALLOW}


def test_the_same_calls_under_their_x32_numbers_kill(sandbox: Sandbox) -> None:
    assert {met(called(sandbox, number | 0x40000000)) for number in (0, 1, 39, 56, 59, 101, 520)} == {KILL}


# --- the memory of a zygote ------------------------------------------------------------------------------


def descendants(pid: int) -> Iterator[int]:
    """All processes below one: at T3 the zygote is a child of what was started."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            yield child
            yield from descendants(child)


def holds(pid: int, mark: str) -> bool:
    """Whether the memory of a process holds `mark`."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            if rights.startswith("r") and "[v" not in line:
                low, high = (int(end, 16) for end in span.split("-"))
                memory.seek(low)
                if mark.encode() in memory.read(high - low):
                    return True
    return False


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="to read another process's memory needs root")
def test_a_zygote_holds_nothing_of_the_samples_it_ran(sandbox: Sandbox) -> None:
    marks = {name: f"{name}-{os.urandom(12).hex()}" for name in ("code", "input", "output", "error", "tests")}
    # Made at run time of two halves, so that neither is anywhere but in what the children write.
    output, error = (f"({marks[name][:15]!r} + {marks[name][15:]!r})" for name in ("output", "error"))
    program = f"# {marks['code']}\nimport sys\nprint({error}, file=sys.stderr)\nprint({output}, input())"
    function = f"# {marks['code']}\ndef f(x): return {output} + x"
    for batch in (False, True):
        assert sandbox.stdio(program, [marks["input"]] * 2, batch=batch)[0].status is Status.OK
    assert sandbox.call(function, "f", [[marks["input"]]])[0].output == marks["output"] + marks["input"]
    tests = f"# {marks['tests']}\nassert f({marks['input']!r}).endswith({marks['input']!r})"
    assert sandbox.split(function, tests, "f").status is Status.OK
    # Other tests may have left processes of theirs.
    pids = [pid for pid in descendants(os.getpid()) if b"zygote" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert pids and all(holds(pid, "submission.py") for pid in pids), "the search finds what is there"
    for pid in pids:
        assert [name for name, mark in marks.items() if holds(pid, mark)] == []
