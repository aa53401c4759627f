"""What a run says of the game that it is of: the page knows no games."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vulngames.runs import Run


@dataclass(frozen=True)
class Game:
    """A game in phrases, as run.json has them; None for what only pays and knows no more.

    Attributes:
        asked, hole: what is asked for, and the hole in the reward.
        itp, er, paper_er: what the measures mean.
    """

    id: str
    asked: str | None = None
    hole: str | None = None
    itp: str | None = None
    er: str | None = None
    paper_er: str | None = None

    @property
    def measurable(self) -> bool:
        """Whether an ER can be known at all."""
        return self.er is not None


def game_of(run: Run) -> Game:
    """The game that a run is of."""
    facts = _facts(run.about)
    measures = facts.get("measures") or {}
    return Game(
        facts["id"], facts.get("asked"), facts.get("hole"), measures.get("itp"), measures.get("er"),
        measures.get("paper_er"),
    )  # fmt: skip


def _facts(about: Mapping[str, Any]) -> Mapping[str, Any]:
    if "game" in about:
        return about["game"]  # type: ignore[no-any-return]
    from vulngames.games import spec

    made = spec(about["config"]["game"])
    measures = None if made.measures is None else vars(made.measures)
    names = ("id", "asked", "hole")
    return {**{name: getattr(made.game, name, None) for name in names}, "measures": measures}
