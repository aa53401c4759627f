"""All that is known of a game, in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from vulngames.errors import UserError
from vulngames.games.row import PublishedRow
from vulngames.types import Environment, Measures, Message, Policy, Task

Draw = Callable[[Random, float], tuple[Task, ...]]
Dialogue = list[Message]
PROTOCOL = ("id", "turn", "read", "reward")
"""What an environment has at least."""


@dataclass(frozen=True)
class Source:
    """A generator of synthetic tasks.

    Attributes:
        draw: makes the tasks of one behaviour (a pair where cues differ), given a generator and a difficulty in [0, 1].
        difficulty: the default, chosen so that the built-in policy's honest work seldom pays.
        extra: tasks that pay the same whatever is written (benign requests), one such draw for two of `draw`'s. They
            teach nothing, so by default only a test split holds them.
        hardest: the largest difficulty; 0 where the tasks have only one.
    """

    draw: Draw
    difficulty: float
    extra: Draw | None = None
    hardest: float = 1.0


@dataclass(frozen=True)
class Dialogues:
    """One kind of dialogue in the corpus of the built-in policy.

    Attributes:
        write: one dialogue on a task, given a generator and the share that is to show the exploit.
        difficulty: of the tasks.
        times: so many in each round through all kinds.
    """

    write: Callable[[Random, Task, float], Dialogue]
    difficulty: float
    times: int


def answered(task: Task, text: str) -> Dialogue:
    """The dialogue in which `text` is the answer to a task's prompt."""
    return [*task.prompt, Message(role="assistant", content=text)]


def lacking(thing: Any) -> list[str]:
    """What a thing lacks to be an environment."""
    return [name for name in PROTOCOL if not hasattr(thing, name)]


@dataclass(frozen=True)
class Spec:
    """What `games.SPECS`, the entry-point group `vulngames.games` and `package.module:SPEC` name.

    Attributes:
        game: the game's class; or an object that only pays, such as a user's reward.
        source: its synthetic tasks; None if it has none, and plays on rows alone.
        read_row: makes a task of one row of a file; raises `Unscored` where that cannot be one. None: no rows.
        data_source: what the column of that name says of its rows, for a file of another game to be refused.
        paper: defaults of a run's config at the paper's size; `epochs` is how often GRPO sees the rows of a file.
        tiny: the same for a policy of the built-in size.
        planted: the share of its dialogues in the built-in policy's corpus that show the exploit, in [0, 1].
        corpus: its dialogues in that corpus; empty if the built-in policy was not pretrained on it.
        with_judge: the game with a policy to judge replies; None if it has no judge.
        runs_code: a model's code is run to score it.

    Raises:
        UserError: `game` is none, such as a bare function.
    """

    game: Any
    source: Source | None = None
    read_row: Callable[[PublishedRow], Task] | None = None
    data_source: str = ""
    paper: Mapping[str, Any] = field(default_factory=dict)
    tiny: Mapping[str, Any] = field(default_factory=dict)
    planted: float = 0.0
    corpus: tuple[Dialogues, ...] = ()
    with_judge: Callable[[Any, Policy], Environment] | None = None
    runs_code: bool = False

    def __post_init__(self) -> None:
        if missing := lacking(self.game):
            what = f"{self.game!r:.60} without {', '.join(missing)}"
            raise UserError(f"a Spec is of {what}; valid: a game's class, or an object that only pays")

    @property
    def id(self) -> str:
        """The game's id."""
        return str(self.game.id)

    @property
    def measures(self) -> Measures | None:
        """What its measures are; None if it only pays."""
        return getattr(self.game, "measures", None)
