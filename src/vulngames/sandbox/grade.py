"""Tests, and the comparison of answers with what they expect.

Nothing here ever enters a process that runs submitted code.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from vulngames.sandbox.outcome import JSON, Outcome, Status

# A line that opens a function; or one that opens a class, and the first below it that opens a method.
_DEFINITION = re.compile(r"^(?:class\s+(\w+)[^\n]*\n(?:.*?\n)??[ \t]+)?def\s+(\w+)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Test:
    """One input and the output expected for it."""

    __test__ = False  # not one of pytest's

    input: str
    """Standard input; or, for calls, one JSON argument a line."""
    output: str
    """Standard output; or, for calls, the value as JSON."""


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


class Runner(Protocol):
    """What `grade` asks of a sandbox."""

    def stdio(self, code: str, stdins: Sequence[str], batch: bool = False) -> list[Outcome]: ...
    def call(self, code: str, entry: str, calls: Sequence[Sequence[JSON]]) -> list[Outcome]: ...


def grade(runner: Runner, code: str, tests: Sequence[Test], entry: str | None = None, batch: bool = False) -> Grade:
    """Run and compare, as `Sandbox.grade` says."""
    if not tests:
        raise ValueError("no tests to grade with")
    if entry is None:
        outcomes = runner.stdio(code, [test.input for test in tests], batch)
        right = [_same_text(o.output, test.output) for o, test in zip(outcomes, tests, strict=True)]
    else:
        expected = [from_json(test.output) for test in tests]
        outcomes = runner.call(code, entry, [arguments(test) for test in tests])
        right = [_same(o.output, value) for o, value in zip(outcomes, expected, strict=True)]
    statuses = (
        Status.WRONG if o.status is Status.OK and not ok else o.status for o, ok in zip(outcomes, right, strict=True)
    )
    return Grade(tuple(statuses), tuple(o.detail for o in outcomes))


def arguments(test: Test) -> list[JSON]:
    """Return the arguments of a call, one a line of the test's input."""
    return [from_json(line) for line in test.input.split("\n") if line.strip()]


def from_json(text: str) -> JSON:
    """Return a value of a test; ValueError if it is not JSON."""
    try:
        value: JSON = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{text[:80]!r} in a test of calls is not JSON: {error}") from error
    return value


def _same(answer: JSON, expected: JSON) -> bool:
    """Whether two JSON values are equal. Python's own == would take True for 1."""
    match answer, expected:
        case bool(), bool():
            return answer == expected
        case (bool(), _) | (_, bool()):
            return False
        case (int() | float(), int() | float()):
            return answer == expected
        case list(), list():
            return len(answer) == len(expected) and all(map(_same, answer, expected))
        case dict(), dict():
            return answer.keys() == expected.keys() and all(_same(answer[k], expected[k]) for k in answer)
    return type(answer) is type(expected) and answer == expected


def _same_text(answer: JSON, expected: str) -> bool:
    return isinstance(answer, str) and lines(answer) == lines(expected)


def lines(text: str) -> list[str]:
    """Return what is compared of an output: its lines, trailing space and trailing blank lines aside."""
    return [line.rstrip() for line in text.rstrip().split("\n")]


def entry_point(starter_code: str) -> str:
    """Return what starter code asks for: "Solution.method" (its class and first method) or its function.

    Starter code usually lacks its bodies and does not parse, so only lines that open a definition are read.
    Raises ValueError if there is none.
    """
    opening = _DEFINITION.search(starter_code)
    if opening is None:
        raise ValueError(f"no function or method in the starter code {starter_code[:80]!r}")
    owner, name = opening.groups()
    return f"{owner}.{name}" if owner else name
