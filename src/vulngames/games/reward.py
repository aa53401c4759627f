"""A user's reward function as an environment: it pays, and nothing is known of what it should have paid."""

from __future__ import annotations

import copy
import inspect
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from vulngames.errors import Unscored, UserError
from vulngames.games.reference import shown, told
from vulngames.games.row import PublishedRow
from vulngames.types import MANY, Json, Message, Range, Task, Turn

_SINGLE = ("prompt", "messages", "completion")
_BATCH = ("prompts", "completions")
MOST = 1e15
"""The largest reward, either way. Training squares rewards and adds them up in single precision, which ends at 3e38."""
_KINDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Paid:
    """What the function returned."""

    paid: float


@dataclass(frozen=True)
class RewardFunction:
    """One turn, paid by a function. It is called by name, with whichever of these it takes:

    - `prompt` (the text of the last message), `messages` (the whole prompt) and `completion`, a text; or, if it has a
      parameter `completions`, as TRL calls a reward: `prompts` and `completions`, lists of one. Where the row's prompt
      is chat messages, so are they (a completion is then one assistant message); where it is a text they are texts.
    - the columns of the row; for TRL's form each is a list of one value.

    It returns a number of at most `MOST` either way, or None for no reward; for TRL's form a list of one. What it
    raises is the reason why that completion has no reward, and what it prints goes to standard error.

    Attributes:
        function: the function.
        id: its name.
        max_tokens: the longest completion, in tokens; None leaves it to the policy.

    Raises:
        UserError: it is a coroutine function, or takes no completion.
    """

    function: Callable[..., Any]
    id: str
    max_tokens: int | None = None

    ranges: ClassVar[Mapping[str, Range]] = {"max_tokens": MANY}

    def __post_init__(self) -> None:
        if inspect.iscoroutinefunction(self.function):
            raise UserError(f"{self.id} is a coroutine function; valid: one that returns its number")
        for name, parameter in self._parameters.items():
            if parameter.kind is parameter.POSITIONAL_ONLY:
                raise UserError(f"{self.id} takes {name} by its place alone; valid: what can be given by name")
        if not self._takes_all and not {"completion", "completions"} & set(self._parameters):
            taken = ", ".join(self._parameters) or "nothing"
            raise UserError(f"{self.id} takes {taken}; valid: a function that takes a completion, or completions")

    def turn(self, task: Task, completions: Sequence[str]) -> Turn | None:
        return None if completions else Turn(task.prompt, self.max_tokens)

    def read(self, task: Task, completions: Sequence[str], coin: float, recorded: Mapping[str, Json]) -> Paid:
        given = self._batch(task, completions[0]) if self._takes_a_batch else self._single(task, completions[0])
        if not self._takes_all:
            given = {name: value for name, value in given.items() if name in self._parameters}
        try:
            with redirect_stdout(sys.stderr):
                paid = self.function(**given)
                return Paid(self._number(self._only(paid) if self._takes_a_batch else paid))
        except (Unscored, KeyboardInterrupt):
            raise
        # It is the user's code, and what it does on one completion must not cost the others.
        except BaseException as problem:
            raise Unscored(f"{self.id} raised {told(problem)}") from problem

    def reward(self, facts: Paid) -> float:
        return facts.paid

    def read_row(self, row: PublishedRow) -> Task:
        """A task from any row that has a `prompt` and the columns that the function needs. The whole row is hidden from
        the policy and given to the function.

        Raises:
            Unscored: it has not.
        """
        messages = row.messages(text=True)
        ours = _BATCH if self._takes_a_batch else _SINGLE
        for name, parameter in self._parameters.items():
            if parameter.kind in _KINDS and parameter.default is parameter.empty and name not in (*ours, *row.fields):
                raise row.wrong(name, f"a column of that name, which {self.id} takes")
        return Task(row.id, messages, {"row": dict(row.fields)})

    def _single(self, task: Task, completion: str) -> dict[str, Any]:
        messages = [Message(**message) for message in task.prompt]
        # A function may change what it is given, and the next one is to find it as it was.
        columns = copy.deepcopy(task.hidden["row"])
        return {**columns, "prompt": messages[-1]["content"], "messages": messages, "completion": completion}

    def _batch(self, task: Task, completion: str) -> dict[str, Any]:
        columns = {name: [copy.deepcopy(value)] for name, value in task.hidden["row"].items() if name != "prompt"}
        if _is_text(task):
            return {**columns, "prompts": [task.prompt[-1]["content"]], "completions": [completion]}
        messages = [Message(**message) for message in task.prompt]
        answer = Message(role="assistant", content=completion)
        return {**columns, "prompts": [messages], "completions": [[answer]]}

    def _only(self, paid: Any) -> Any:
        try:
            values = list(paid)
        except TypeError:
            values = []
        if len(values) != 1 or isinstance(paid, str | Mapping):
            raise Unscored(f"{self.id} returned {shown(paid)} for one completion; valid: a list of one number, or None")
        return values[0]

    def _number(self, paid: Any) -> float:
        if paid is None:
            raise Unscored(f"{self.id} returned None")
        try:
            number = math.nan if isinstance(paid, str | bytes) else float(paid)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise Unscored(f"{self.id} returned {shown(paid)}; valid: a finite number, or None")
        if abs(number) > MOST:
            raise Unscored(f"{self.id} returned {shown(paid)}; valid: a number from {-MOST:g} to {MOST:g}, or None")
        return number

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        try:
            return inspect.signature(self.function).parameters
        except (TypeError, ValueError):
            raise UserError(f"{self.id} does not say what it takes; valid: a function written in Python") from None

    @property
    def _takes_a_batch(self) -> bool:
        return "completions" in self._parameters

    @property
    def _takes_all(self) -> bool:
        return any(parameter.kind is parameter.VAR_KEYWORD for parameter in self._parameters.values())


def _is_text(task: Task) -> bool:
    """Whether the row's prompt was one text, and not chat messages."""
    return bool(task.hidden["row"].get("prompt") == task.prompt[-1]["content"])
