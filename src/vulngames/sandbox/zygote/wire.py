"""What passes between a trusted test program and a submission: lines of tagged JSON over a socket.

A list is `["l", …]`, and so on by `_TAGS`; a dict is `["d", [key, value], …]`; other values stand for themselves.
"""

import json
import os
import select
from typing import Any

from . import strict

MAX_BYTES = 8 << 20
_TAGS = {"l": list, "t": tuple, "s": set, "f": frozenset}


class ClosedError(Exception):
    """The other side is gone."""


def pack(value: Any) -> Any:
    """Return the JSON form of a builtin value, or of one of a class derived from it. TypeError on another."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, dict):
        return ["d", *([pack(key), pack(item)] for key, item in value.items())]
    for tag, cls in _TAGS.items():
        if isinstance(value, cls):
            return [tag, *map(pack, value)]
    raise TypeError(f"a value of type {type(value).__name__} cannot be sent")


def unpack(form: Any) -> Any:
    """Return the value of a JSON form; builtins only. Raises ProtocolViolationError if it is none."""
    if form is None or type(form) in (bool, int, float, str):
        return form
    if type(form) is not list or not form or type(form[0]) is not str:
        raise strict.ProtocolViolationError("a value without its tag")
    tag, *items = form
    try:
        if tag == "d" and all(type(pair) is list and len(pair) == 2 for pair in items):
            return {unpack(key): unpack(value) for key, value in items}
        if tag in _TAGS:
            return _TAGS[tag](map(unpack, items))
    except TypeError as error:
        raise strict.ProtocolViolationError(f"unhashable: {error}") from error
    raise strict.ProtocolViolationError(f"no such tag: {tag[:10]!r}")


class Line:
    """One end of the socket."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._read = b""

    def empty(self) -> bool:
        """Whether nothing has come that was not yet received. Raises ClosedError."""
        if not self._read and _ready(self._fd):
            self._fill()
        return not self._read

    def send(self, message: Any) -> None:
        """Send one message. Raises ClosedError."""
        data = json.dumps(message).encode() + b"\n"
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except OSError as error:
                raise ClosedError(str(error)) from error

    def receive(self) -> Any:
        """Wait for one message. Raises ClosedError, or ProtocolViolationError if it is none."""
        while b"\n" not in self._read:
            self._fill()
            if len(self._read) > MAX_BYTES:
                raise strict.ProtocolViolationError(f"over {MAX_BYTES} bytes in one message")
        line, _, self._read = self._read.partition(b"\n")
        return strict.value(line)

    def _fill(self) -> None:
        try:
            more = os.read(self._fd, 1 << 16)
        except OSError as error:
            raise ClosedError(str(error)) from error
        if not more:
            raise ClosedError("the other side is gone")
        self._read += more


def _ready(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
