"""A trusted test program in one child, and the submission it tests in another."""

import builtins
import os
import types
from collections.abc import Callable
from typing import Any, NoReturn

from . import strict
from .wire import ClosedError, Line, pack, unpack

PASSED, FAILED = b"passed", b"failed"
VIOLATED, GONE = 77, 78
"""Exit statuses of the test program: the submission broke the protocol, or ended with a question open."""


def answer(find: Callable[[str], Callable[..., Any]], channel: int) -> NoReturn:
    """In the submission's child: call what is asked for until nobody asks."""
    line = Line(channel)
    while True:
        try:
            asked = line.receive()
        except ClosedError:
            os._exit(0)
        arguments, named = unpack(asked["args"]), unpack(asked["named"])
        # Whatever the submission raises, SystemExit included, is the answer to this question and to no other.
        try:
            value = pack(find(asked["entry"])(*arguments, **named))
            reply = {"id": asked["id"], "value": value, "args": pack(arguments)}
        except BaseException as error:
            reply = {"id": asked["id"], "error": type(error).__name__, "text": str(error)[:300]}
        line.send(reply)


class Submission:
    """In the test program's child: the submission, as a function of the same name would be."""

    def __init__(self, line: Line, entry: str) -> None:
        self._line, self._entry = line, entry

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Ask for one call. Lists, dicts and sets among the arguments are changed as the submission changed them."""
        question = {
            "id": os.urandom(8).hex(),
            "entry": self._entry,
            "args": pack(list(arguments)),
            "named": pack(named),
        }
        try:
            if not self._line.empty():
                raise strict.ProtocolViolationError("an answer before the question")
            self._line.send(question)
            value, changed, error = _reply(self._line.receive(), question["id"], len(arguments))
        except strict.ProtocolViolationError:
            os._exit(VIOLATED)
        except ClosedError:
            os._exit(GONE)
        if error:
            raise error
        for before, after in zip(arguments, changed, strict=True):
            _change(before, after)
        return value


def _reply(reply: Any, id: str, arguments: int) -> tuple[Any, list[Any], Exception | None]:
    match reply:
        case {"id": str(given), "value": form, "args": after, **rest} if given == id and not rest:
            changed = unpack(after)
            if type(changed) is list and len(changed) == arguments:
                return unpack(form), changed, None
        case {"id": str(given), "error": str(name), "text": str(text), **rest} if given == id and not rest:
            cls = getattr(builtins, name, None)
            if not (isinstance(cls, type) and issubclass(cls, Exception)) or cls in _SHAPED:
                return None, [], RuntimeError(f"{name}: {text}")
            return None, [], cls(text)
    raise strict.ProtocolViolationError("no answer to the question")


# Exceptions that cannot be made of one text.
_SHAPED = {UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError, ExceptionGroup}


def _change(before: Any, after: Any) -> None:
    if type(before) is not type(after) or before == after:
        return
    if type(before) is list:
        before[:] = after
    elif type(before) in (dict, set):
        before.clear()
        before.update(after)


def test(program: bytes, entry: str, channel: int, verdict: int) -> NoReturn:
    """In the test program's child: run it, and write one word."""
    submission = Submission(Line(channel), entry)
    owner, _, name = entry.rpartition(".")
    bound = type(owner, (), {name: staticmethod(submission)}) if owner else submission
    space: dict[str, Any] = {"__name__": "__tests__", owner or name: bound}
    try:
        exec(compile(program, "tests.py", "exec", dont_inherit=True), space)
        check = space.get("check")
        if isinstance(check, types.FunctionType):
            check(submission)
    except AssertionError:
        os.write(verdict, FAILED)
        os._exit(1)
    os.write(verdict, PASSED)
    os._exit(0)
