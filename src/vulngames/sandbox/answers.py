"""The decoder of what a child wrote on its answer channel.

The bytes come from a process that ran submitted code, so they may be anything. What is accepted is one line
of JSON per call, in order: `[index, "ok", value]` or `[index, "error", text]`.
"""

from vulngames.sandbox.outcome import Outcome, Status, failure
from vulngames.sandbox.zygote import strict
from vulngames.sandbox.zygote.strict import MAX_DEPTH, ProtocolViolationError

__all__ = ["MAX_DEPTH", "ProtocolViolationError", "decode", "outcomes", "unanswered"]


def outcomes(data: bytes, calls: int, end: Outcome) -> list[Outcome]:
    """Return the outcomes of all `calls`: those not answered end as the process did."""
    try:
        answered = decode(data, calls)
    except ProtocolViolationError as error:
        return [Outcome(Status.PROTOCOL_VIOLATION, detail=str(error))] * calls
    return answered + [unanswered(end)] * (calls - len(answered))


def unanswered(end: Outcome) -> Outcome:
    """How a call ended whose process ended so."""
    return failure("ended without an answer") if end.status is Status.OK else end


def decode(data: bytes, calls: int) -> list[Outcome]:
    """Return the outcomes of the calls that were answered: a prefix of all `calls`.

    An unterminated last line is no answer. Raises ProtocolViolationError on any other line that is none.
    """
    lines = data.split(b"\n")[:-1]
    if len(lines) > calls:
        raise ProtocolViolationError(f"{len(lines)} answers to {calls} calls")
    return [_answer(line, index) for index, line in enumerate(lines)]


def _answer(line: bytes, index: int) -> Outcome:
    match strict.value(line):
        case [int(given), "ok", value] if type(given) is int and given == index:
            return Outcome(Status.OK, value)
        case [int(given), "error", str(text)] if type(given) is int and given == index:
            return failure(text)
    raise ProtocolViolationError(f"answer {index} is not one")
