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
        difficulty: the default.
        extra: tasks that pay the same whatever is written (benign requests), one such draw for two of `draw`'s. They
            teach nothing, so by default only a test split holds them.
        hardest: the largest difficulty; 0 where the tasks have only one.
    """

    draw: Draw
    difficulty: float
    extra: Draw | None = None
    hardest: float = 1.0


@dataclass(frozen=True)
class Shares:
    """How often a game's dialogues in the built-in policy's corpus show what training may then amplify; in [0, 1].

    Attributes:
        exploit: of all its dialogues those that show the exploit, for reasons of their own.
        rival: of the others those that show the honest work that the flawed rule pays best.
    """

    exploit: float = 0.0
    rival: float = 0.0


@dataclass(frozen=True)
class Dialogues:
    """One kind of dialogue in the corpus of the built-in policy.

    Attributes:
        task: what is asked for in it, in a few words.
        write: one dialogue on a task, given a generator and what share of them is to show what.
        difficulty: of the tasks.
        times: so many in each round through all kinds.
    """

    task: str
    write: Callable[[Random, Task, Shares], Dialogue]
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
        shares: how often its dialogues in the built-in policy's corpus show the exploit, and its honest rival.
        corpus: its dialogues in that corpus; empty if the built-in policy was not pretrained on it.
        with_judge: the game with a policy to judge replies; None if it has no judge.
        runs_code: a model's code is run to score it.
        variants: other settings of the same game, by name, that the emergence study trains beside its defaults: fields
            of a config that differ from these, `parameters` merged over them.

    Raises:
        UserError: `game` is none, such as a bare function.
    """

    game: Any
    source: Source | None = None
    read_row: Callable[[PublishedRow], Task] | None = None
    data_source: str = ""
    paper: Mapping[str, Any] = field(default_factory=dict)
    tiny: Mapping[str, Any] = field(default_factory=dict)
    shares: Shares = Shares()
    corpus: tuple[Dialogues, ...] = ()
    with_judge: Callable[[Any, Policy], Environment] | None = None
    runs_code: bool = False
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if missing := lacking(self.game):
            what = f"{self.game!r:.60} without {', '.join(missing)}"
            raise UserError(f"a Spec is of {what}; valid: a game's class, or an object that only pays")

    @property
    def id(self) -> str:
        """The game's id."""
        return str(self.game.id)

    @property
    def variants_in_words(self) -> str:
        """Its variants with what they set, such as `slow (steps 100, audit_rate 0.5)`."""
        described = []
        for name, settings in self.variants.items():
            plain = {**settings, **settings.get("parameters", {})}
            plain.pop("parameters", None)
            described.append(f"{name} ({', '.join(f'{key} {value}' for key, value in plain.items())})")
        return "; ".join(described)

    @property
    def measures(self) -> Measures | None:
        """What its measures are; None if it only pays."""
        return getattr(self.game, "measures", None)
