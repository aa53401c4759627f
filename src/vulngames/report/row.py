"""One cell of a study as the page reads it, and how cells are found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vulngames.arm import Arm
from vulngames.measure import Interval, interval
from vulngames.summary import labels


@dataclass(frozen=True)
class Row:
    """One cell of a study: its labels, and what was measured."""

    home: Path
    held: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """A label, an onset, or whatever else summary.json holds."""
        return self.held[name]

    @property
    def labels(self) -> dict[str, Any]:
        """What sets it apart from the study's other cells."""
        return labels(self.held)

    def value(self, name: str) -> Interval | None:
        """`er_end` and its like."""
        return None if self.held[name] is None else interval(self.held[name])

    @cached_property
    def arm(self) -> Arm:
        """Its runs, for curves."""
        return Arm(self.held["game"], "", tuple((self.home / path).resolve() for path in self.held["runs"]))


def short(game: str) -> str:
    """A game's name without its version."""
    return game.removesuffix("-v1")


def games_of(rows: Iterable[Row]) -> list[str]:
    """The games that rows are measured in, in order."""
    return list(dict.fromkeys(row["game"] for row in rows))


def pick(rows: Sequence[Row], **labels: Any) -> Row | None:
    """The first row with these labels, if there is one."""
    return next((row for row in rows if all(row.held.get(key) == value for key, value in labels.items())), None)


def end(row: Row | None, name: str = "er_end") -> Interval | None:
    """A measure of a row that may not be there."""
    return None if row is None else row.value(name)
