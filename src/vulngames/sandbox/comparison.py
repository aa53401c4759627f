"""When an answer is the expected one: LiveCodeBench's rule, and the error that a problem allows.

The rule is that of LiveCodeBench's `lcb_runner/evaluation/testing_util.py`, and is written down here alone:

- **Text.** Space around the whole and around each line aside, both have the same number of lines, and each line the
  same tokens (what is between spaces). A line of numbers only may write them otherwise: `1` is `1.0` and `1e0`.
- **Values.** Python's own ==: 1 is 1.0 and True. A tuple has become a list on its way, a dict's keys strings.
- **With a tolerance**, a number may be as far from the expected one as that says, in any line or value; but two that
  are both written as integers must be equal, since there are counts and indices beside results.

Stricter than there: a number is made of ASCII digits with a sign, a point and an exponent, so not `nan`, `inf`, `1_000`
or `0x10`, which are texts; and NaN equals nothing, wherever it is in a value.
"""

import math
import re
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

from vulngames.sandbox.outcome import JSON

# A longer exponent is no number that a test expects, and could not be computed with.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(\.[0-9]*)?|(\.[0-9]+))([eE][+-]?[0-9]{1,6})?")
_CONTEXT = Context(prec=100, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])


@dataclass(frozen=True)
class Tolerance:
    """How far a number may be from the expected one: either is enough. Both are at least 0; the relative one is a share
    of the expected number."""

    absolute: float = 0.0
    relative: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (value >= 0 and math.isfinite(value)):
                raise ValueError(f"Tolerance.{name} is {value!r}; it must be a finite number of at least 0")

    def allows(self, answer: Decimal, expected: Decimal) -> bool:
        """Whether `answer` is near enough; both are finite."""
        allowed = _CONTEXT.multiply(Decimal(repr(self.relative)), _CONTEXT.abs(expected))
        return _CONTEXT.abs(_CONTEXT.subtract(answer, expected)) <= max(allowed, Decimal(repr(self.absolute)))


def same_text(answer: JSON, expected: str, tolerance: Tolerance | None = None) -> bool:
    """Whether a whole output is the expected one."""
    if not isinstance(answer, str):
        return False
    lines, expected_lines = answer.strip().split("\n"), expected.strip().split("\n")
    # An output may be many times as long as what is expected: it is taken apart no further than it is the same.
    return len(lines) == len(expected_lines) and all(
        _same_line(line.split(), wanted.split(), tolerance) for line, wanted in zip(lines, expected_lines, strict=True)
    )


def _same_line(tokens: list[str], wanted: list[str], tolerance: Tolerance | None) -> bool:
    if tokens == wanted:
        return True
    if len(tokens) != len(wanted) or not (tolerance or all(map(_NUMBER.fullmatch, wanted))):
        return False
    return all(_same_token(*pair, tolerance) for pair in zip(tokens, wanted, strict=True))


def _same_token(token: str, wanted: str, tolerance: Tolerance | None) -> bool:
    numbers = _NUMBER.fullmatch(token), _NUMBER.fullmatch(wanted)
    if token == wanted or not all(numbers):
        return token == wanted
    answer, expected = Decimal(token), Decimal(wanted)
    if answer == expected:
        return True
    # A group is there only where a point or an exponent is.
    integers = not any(any(number.groups()) for number in numbers if number)
    return tolerance is not None and not integers and tolerance.allows(answer, expected)


def same_value(answer: JSON, expected: JSON, tolerance: Tolerance | None = None) -> bool:
    """Whether a JSON value is the expected one."""
    match answer, expected:
        case (int() | float(), int() | float()):
            return answer == expected or (tolerance is not None and _near(answer, expected, tolerance))
        case list(), list():
            return len(answer) == len(expected) and all(
                same_value(*pair, tolerance) for pair in zip(answer, expected, strict=True)
            )
        case dict(), dict():
            return answer.keys() == expected.keys() and all(
                same_value(answer[key], expected[key], tolerance) for key in answer
            )
    return type(answer) is type(expected) and answer == expected


def _near(answer: float, expected: float, tolerance: Tolerance) -> bool:
    if {type(answer), type(expected)} not in ({float}, {int, float}):
        return False
    near, wanted = Decimal(answer), Decimal(expected)
    return near.is_finite() and wanted.is_finite() and tolerance.allows(near, wanted)
