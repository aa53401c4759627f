"""Who watches a run, and may end it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vulngames.errors import UserError
from vulngames.games.reference import shown

if TYPE_CHECKING:
    from vulngames.types import Sample


@dataclass(frozen=True)
class Halt:
    """Asks a training run to end after the present step: it is evaluated, its policy is saved, and its run.json says
    `halted: {step, reason}` beside `finished: true`."""

    reason: str


class Observer:
    """Is told what a run does, in the order in which it happens. A method that is not overridden ignores it; each may
    return a `Halt`. What a method raises ends the run where it stands, and the same call goes on from there.

    A run that goes on from a checkpoint first tells of the samples and evaluations up to there again, so that an
    observer that counts has the same counts as in an unbroken run.
    """

    def on_step(self, done: int, steps: int) -> Halt | None:
        """`done` of `steps` steps are finished; in an evaluation, `done` of `steps` replies are written. A
        run that was finished before is told of as (1, 1)."""

    def on_samples(self, step: int, samples: Sequence[Sample]) -> Halt | None:
        """What the policy wrote to be trained on by reward after `step` finished steps, with what it was paid; or, at
        step 0, what it wrote in an evaluation without training. Samples of evaluations in training are not told."""

    def on_evaluation(self, step: int, measures: Mapping[str, Any]) -> Halt | None:
        """What an evaluation after `step` finished steps measured, as a line of metrics.jsonl has it."""


class Observers(Observer):
    """Several as one: all are told, and the first that asks for a halt is heard.

    Raises:
        UserError: one is no `Observer`, or returned something else than a `Halt` or None.
    """

    def __init__(self, observers: Iterable[Observer]) -> None:
        if not isinstance(observers, Iterable):
            raise UserError(f"observers = {shown(observers)}; valid: a list of observers")
        self._observers = tuple(observers)
        for observer in self._observers:
            if not isinstance(observer, Observer):
                raise UserError(f"an observer is {shown(observer)}; valid: an object of a subclass of Observer")

    def on_step(self, done: int, steps: int) -> Halt | None:
        return _first([observer.on_step(done, steps) for observer in self._observers])

    def on_samples(self, step: int, samples: Sequence[Sample]) -> Halt | None:
        return _first([observer.on_samples(step, samples) for observer in self._observers])

    def on_evaluation(self, step: int, measures: Mapping[str, Any]) -> Halt | None:
        return _first([observer.on_evaluation(step, measures) for observer in self._observers])


def _first(answers: Sequence[Halt | None]) -> Halt | None:
    for answer in answers:
        if answer is not None and not (isinstance(answer, Halt) and isinstance(answer.reason, str)):
            raise UserError(f"an observer returned {shown(answer)}; valid: None, or a Halt with a reason")
    return next((answer for answer in answers if answer is not None), None)
