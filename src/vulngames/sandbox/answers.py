"""The decoder of what a child wrote on its answer channel.

The bytes come from a process that ran submitted code, so they may be anything. What is accepted is one line
of JSON a call, in order: `[index, "ok", value]` or `[index, "error", text]`.
"""

import json
import re
from typing import Any

from vulngames.sandbox.outcome import Outcome, Status

MAX_DEPTH = 64
_MAX_DIGITS = 4300

# An unterminated string matches up to the end, and the repeats are possessive: linear time on any input.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class ProtocolViolationError(ValueError):
    """The answer channel holds something that is not an answer."""


def decode(data: bytes, calls: int) -> list[Outcome]:
    """Return the outcomes of the calls that were answered: a prefix of all `calls`.

    An unterminated last line is no answer. Raises ProtocolViolationError on any other line that is none.
    """
    lines = data.split(b"\n")[:-1]
    if len(lines) > calls:
        raise ProtocolViolationError(f"{len(lines)} answers to {calls} calls")
    return [_answer(line, index) for index, line in enumerate(lines)]


def _answer(line: bytes, index: int) -> Outcome:
    match _value(line):
        case [int(given), "ok", value] if type(given) is int and given == index:
            return Outcome(Status.OK, value)
        case [int(given), "error", str(text)] if type(given) is int and given == index:
            memory = text.startswith("MemoryError")
            return Outcome(Status.MEMORY if memory else Status.RUNTIME_ERROR, detail=text)
    raise ProtocolViolationError(f"answer {index} is not one")


def _value(line: bytes) -> Any:
    _check_depth(line)
    try:
        value = json.loads(line.decode("utf-8"), parse_int=_integer)
        if rb"\ud" in line.lower():
            # A lone surrogate is legal JSON, but nothing downstream could write it to a file.
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except ValueError as error:
        raise ProtocolViolationError(f"not JSON: {error}") from error
    return value


def _check_depth(line: bytes) -> None:
    # Before json.loads: it recurses, and under a raised recursion limit it would overflow our own stack.
    if line.count(b"[") + line.count(b"{") <= MAX_DEPTH:
        return
    brackets = _STRING.sub(b"", line).translate(_SQUARE, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise ProtocolViolationError(f"nested deeper than {MAX_DEPTH}, or not closed")


def _integer(digits: str) -> int:
    # int() takes quadratic time, and its own limit can be switched off for the whole process.
    if len(digits) > _MAX_DIGITS:
        raise ProtocolViolationError(f"an integer of {len(digits)} digits")
    return int(digits)
