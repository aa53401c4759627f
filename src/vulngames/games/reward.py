"""A user's reward function as an environment: it pays, and nothing is known of what it should have paid."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from vulngames.errors import Unscored
from vulngames.games.row import PublishedRow
from vulngames.types import MANY, Json, Range, Task, Turn


@dataclass(frozen=True)
class Paid:
    """What the function returned."""

    paid: float


@dataclass(frozen=True)
class RewardFunction:
    """One turn, paid by a function.

    Attributes:
        function: called by name with whichever of these it takes: `prompt` (the last message), `messages` (the whole
            prompt), `completion`, and the columns of the row. It returns a finite number, or None for no reward.
        id: its name.
        max_tokens: the longest completion, in tokens; None leaves it to the policy.
    """

    function: Callable[..., float | None]
    id: str
    max_tokens: int | None = None

    ranges: ClassVar[Mapping[str, Range]] = {"max_tokens": MANY}

    def turn(self, task: Task, completions: Sequence[str]) -> Turn | None:
        return None if completions else Turn(task.prompt, self.max_tokens)

    def read(self, task: Task, completions: Sequence[str], coin: float, recorded: Mapping[str, Json]) -> Paid:
        columns = task.hidden.get("row", task.hidden)
        given = {
            **columns,
            "prompt": task.prompt[-1]["content"],
            "messages": [dict(message) for message in task.prompt],
            "completion": completions[0],
        }
        if not self._takes_all:
            given = {name: value for name, value in given.items() if name in self._taken}
        try:
            paid = self.function(**given)
        # It is the user's code, and what it does on one completion must not cost the others.
        except Exception as problem:
            raise Unscored(f"{self.id} raised {type(problem).__name__}: {problem}") from problem
        return Paid(self._number(paid))

    def reward(self, facts: Paid) -> float:
        return facts.paid

    def _number(self, paid: Any) -> float:
        if paid is None:
            raise Unscored(f"{self.id} returned None")
        try:
            number = float(paid)
        except (TypeError, ValueError):
            raise Unscored(f"{self.id} returned {paid!r:.60}; valid: a number, or None") from None
        if not math.isfinite(number):
            raise Unscored(f"{self.id} returned {number}; valid: a finite number, or None")
        return number

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.function).parameters

    @property
    def _takes_all(self) -> bool:
        return any(parameter.kind is parameter.VAR_KEYWORD for parameter in self._parameters.values())

    @property
    def _taken(self) -> set[str]:
        return set(self._parameters)


def read_row(row: PublishedRow) -> Task:
    """A task from any row that has a `prompt`: chat messages, a JSON string of them, or a text; the whole row is hidden
    from the policy and given to the function."""
    return Task(row.id, row.messages(text=True), {"row": dict(row.fields)})
