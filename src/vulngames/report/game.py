"""What a run says of the game that it is of: the page knows no games."""

from __future__ import annotations

from dataclasses import dataclass

from vulngames.runs import Run


@dataclass(frozen=True)
class Game:
    """A game in phrases, as run.json has them; None for what only pays and knows no more.

    Attributes:
        asked, hole: what is asked for, and the hole in the reward.
        itp, er, paper_er: what the measures mean.
        well_formed: what a clean instance of the exploit is.
    """

    id: str
    asked: str | None = None
    hole: str | None = None
    itp: str | None = None
    er: str | None = None
    paper_er: str | None = None
    well_formed: str | None = None

    @property
    def measurable(self) -> bool:
        """Whether an ER can be known at all."""
        return self.er is not None


def game_of(run: Run) -> Game:
    """The game that a run is of."""
    about = run.about
    facts = about.get("game") or {"id": about["config"]["game"]}
    measures = facts.get("measures") or {}
    return Game(
        facts["id"], facts.get("asked"), facts.get("hole"), measures.get("itp"), measures.get("er"),
        measures.get("paper_er"), measures.get("well_formed"),
    )  # fmt: skip
