"""Grading: tests, and the comparison of answers with what they expect, over any backend.

Nothing here ever enters a process that runs submitted code.
"""

import copy
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace

from vulngames.sandbox.comparison import Tolerance, same_text, same_value
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.outcome import JSON, Outcome, Status

# An output may be this many times as long as what is expected: it may write numbers at greater length.
_ROOM = 8
# What the line of an answer to a call has beside the value.
_FRAME_BYTES = 16


@dataclass(frozen=True)
class Test:
    """One input and the output expected for it."""

    __test__ = False  # not one of pytest's

    input: str
    """Standard input; or, for calls, one JSON argument per line."""
    output: str
    """Standard output; or, for calls, the value as JSON."""
    tolerance: Tolerance | None = None
    """The error that the problem allows, if it allows any."""


@dataclass(frozen=True)
class Grade:
    """What became of each test, in the order of the tests; there is at least one."""

    statuses: tuple[Status, ...]
    details: tuple[str, ...]
    """For each test, one line for people; the submitted code may have written it."""

    @property
    def passed(self) -> float:
        """The share of tests passed, in [0, 1]."""
        return self.statuses.count(Status.OK) / len(self.statuses)

    @property
    def error(self) -> str | None:
        """Why the sandbox could not grade, or None. With an error, `passed` says too little."""
        if Status.INFRA_ERROR not in self.statuses:
            return None
        return self.details[self.statuses.index(Status.INFRA_ERROR)]


class Backend(ABC):
    """What runs submitted code, and grades it: `Sandbox`, or one elsewhere."""

    limits: Limits

    @abstractmethod
    def stdio(self, code: str, stdins: Sequence[str], batch: bool = False) -> list[Outcome]:
        """See `Sandbox.stdio`."""

    @abstractmethod
    def call(self, code: str, entry: str, calls: Sequence[Sequence[JSON]]) -> list[Outcome]:
        """See `Sandbox.call`."""

    @abstractmethod
    def describe(self) -> dict[str, object]:
        """Return what a record of results should say of this backend, as JSON values: at least "tier" (a name) and
        "layers", "missing" (lists of names) and "refused" (tier to reason).

        Raises UserError if it is not available.
        """

    def close(self) -> None:  # noqa: B027
        """Stop what runs between uses. A later use starts it again."""

    def grade(self, code: str, tests: Sequence[Test], entry: str | None = None, batch: bool = False) -> Grade:
        """Run `code` on `tests` and compare: as a program if `entry` is None, else by calls of `entry`.

        `comparison` says what is right; `batch` is as in `stdio`. Where a test expects more than `output_kb` leaves
        room for, that limit is raised. Raises ValueError on no tests, or on a test that is not JSON where `entry` asks
        for it.
        """
        if not tests:
            raise ValueError("no tests to grade with")
        roomy = copy.copy(self)
        roomy.limits = with_room(self.limits, tests, entry)
        if entry is None:
            outcomes = roomy.stdio(code, [test.input for test in tests], batch)
            right = [same_text(o.output, test.output, test.tolerance) for o, test in zip(outcomes, tests, strict=True)]
        else:
            expected = [(from_json(test.output), test.tolerance) for test in tests]
            outcomes = roomy.call(code, entry, [arguments(test) for test in tests])
            right = [same_value(o.output, *answer) for o, answer in zip(outcomes, expected, strict=True)]
        statuses = (
            Status.WRONG if o.status is Status.OK and not ok else o.status
            for o, ok in zip(outcomes, right, strict=True)
        )
        return Grade(tuple(statuses), tuple(o.detail for o in outcomes))


def arguments(test: Test) -> list[JSON]:
    """Return the arguments of a call, one per line of the test's input."""
    return [from_json(line) for line in test.input.split("\n") if line.strip()]


def from_json(text: str) -> JSON:
    """Return a value of a test; ValueError if it is not JSON."""
    try:
        value: JSON = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{text[:80]!r} in a test of calls is not JSON: {error}") from error
    return value


def with_room(limits: Limits, tests: Sequence[Test], entry: str | None) -> Limits:
    """Return limits under which what the tests expect can be written; the answers to all calls are one file."""
    lengths = [len(test.output.encode("utf-8", "surrogatepass")) + _FRAME_BYTES for test in tests]
    needed_kb = _ROOM * (max(lengths, default=0) if entry is None else sum(lengths)) >> 10
    # Submitted code can see its limits, and what is expected of it should show in them as little as can be.
    return limits if needed_kb < limits.output_kb else replace(limits, output_kb=1 << needed_kb.bit_length())
