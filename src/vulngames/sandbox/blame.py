"""The rule of retry and blame: whose fault it is that a run was lost."""

from collections.abc import Callable
from typing import TypeVar

from vulngames.sandbox.outcome import Outcome, Status
from vulngames.sandbox.ran import LostError

T = TypeVar("T")


def run_or_blame(attempt: Callable[[], T], empty: Callable[[], object]) -> T | Outcome:
    """Return what `attempt` returns, once more if it raises LostError; `empty` runs an empty program the same way.

    If it is lost again, the outcome is an `INFRA_ERROR`; unless `empty` comes through and `attempt` is lost a third
    time, a `SECURITY_VIOLATION`: bringing down the grader must not be a way out of a bad reward.
    """
    for _ in range(2):
        try:
            return attempt()
        except LostError as error:
            reason = str(error)
    try:
        empty()
    except LostError:
        return Outcome(Status.INFRA_ERROR, detail=reason)
    try:
        return attempt()
    except LostError as error:
        return Outcome(Status.SECURITY_VIOLATION, detail=f"the sandbox fails with this code alone: {error}")
