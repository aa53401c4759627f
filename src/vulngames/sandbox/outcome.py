"""How one run of submitted code ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

JSON: TypeAlias = bool | int | float | str | list["JSON"] | dict[str, "JSON"] | None

_DETAIL_CHARS = 300


class Status(StrEnum):
    """How one test ended. Only `OK` earns anything."""

    OK = "ok"
    """Ended cleanly and answered; from `grade`: and the answer is the expected one."""
    WRONG = "wrong"
    """Ended cleanly with another answer. Only `grade` says this."""
    RUNTIME_ERROR = "runtime_error"
    """An exception, a non-zero exit, a signal, or an end without an answer."""
    TIMEOUT = "timeout"
    """Out of processor time, or blocked for longer than its wall-clock time; or not run, because an earlier test of the
    same code was."""
    MEMORY = "memory"
    """Ended by MemoryError."""
    OUTPUT_LIMIT = "output_limit"
    """The output reached its limit, and what there is of it may be cut short."""
    PROTOCOL_VIOLATION = "protocol_violation"
    """The answer channel has something other than one well-formed answer per call, in order."""
    SECURITY_VIOLATION = "security_violation"
    """Killed at a forbidden system call; or run in vain three times where an empty program came through."""
    INFRA_ERROR = "infra_error"
    """The sandbox failed, twice, and an empty program fared no better, or the machine gave it too little processor
    time; this says nothing good or bad about the code."""


FINAL = (Status.TIMEOUT, Status.SECURITY_VIOLATION, Status.INFRA_ERROR)
"""After these, further runs of the same code would only cost the same again."""


@dataclass(frozen=True)
class Outcome:
    """How one run ended, and what it answered."""

    status: Status
    output: JSON = None
    """Standard output as text, or the value that a call returned; None unless `status` is `OK`."""
    detail: str = ""
    """One line for people (usually the last of standard error), written by the code: never decide on it."""


def failure(text: str) -> Outcome:
    """How code ended that raised or exited with an error; `text` is its last line, or says what it did."""
    return Outcome(Status.MEMORY if text.startswith("MemoryError") else Status.RUNTIME_ERROR, detail=text)


def printed(end: Outcome, stdout: bytes) -> Outcome:
    """How a program ended, with its whole output where nothing speaks against that."""
    return Outcome(Status.OK, stdout.decode("utf-8", "replace")) if end.status is Status.OK else end


def in_order(stdins: Sequence[str], run: Callable[[Sequence[str]], list[Outcome]]) -> list[Outcome]:
    """Return the outcomes of `stdins`. `run` takes those that are left and returns the outcomes of one or more.

    After one of `FINAL` the rest are given the same status without running.
    """
    outcomes: list[Outcome] = []
    while len(outcomes) < len(stdins):
        if outcomes and outcomes[-1].status in FINAL:
            outcomes.append(Outcome(outcomes[-1].status, detail=outcomes[-1].detail))
        else:
            outcomes += run(stdins[len(outcomes) :])
    return outcomes


def last_line(stderr: bytes) -> str:
    """Return the last line that is not blank, safe to print and at most 300 characters long."""
    lines = stderr.decode("utf-8", "replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return "".join(char if char.isprintable() else "?" for char in last[:_DETAIL_CHARS])
