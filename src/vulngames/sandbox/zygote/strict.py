"""JSON from a process that ran submitted code: the bytes may be anything, and what comes of them is plain data."""

import json
import re
from typing import Any

MAX_DEPTH = 64
_MAX_DIGITS = 4300

# An unterminated string matches up to the end, and the repeats are possessive: linear time on any input.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_SQUARE = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class ProtocolViolationError(ValueError):
    """A channel holds something that is not what may come through it."""


def value(line: bytes) -> Any:
    """Return what one line of JSON says, made of builtins only. Raises ProtocolViolationError on anything else."""
    _check_depth(line)
    try:
        data = json.loads(line.decode("utf-8"), parse_int=_integer)
        if rb"\ud" in line.lower():
            # A lone surrogate is legal JSON, but nothing downstream could write it to a file.
            json.dumps(data, ensure_ascii=False).encode("utf-8")
    except ValueError as error:
        raise ProtocolViolationError(f"not JSON: {error}") from error
    return data


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
