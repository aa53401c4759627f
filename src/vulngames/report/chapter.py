"""One study beyond emergence, as the page shows it: its question, what was found, a picture, the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from markupsafe import Markup

from vulngames.arm import Arm
from vulngames.errors import UserError
from vulngames.measure import Interval, interval

_MEASURED = {"seeds", "runs", "each", "paper", "steps", "eval_every", "onset_step", "domination_step"}
_ENDS = ("itp_start", "itp_end", "er_start", "er_end")


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
        return {key: value for key, value in self.held.items() if key not in _MEASURED and key not in _ENDS}

    def value(self, name: str) -> Interval | None:
        """`er_end` and its like."""
        return None if self.held[name] is None else interval(self.held[name])

    @cached_property
    def arm(self) -> Arm:
        """Its runs, for curves."""
        return Arm(self.held["game"], "", tuple((self.home / path).resolve() for path in self.held["runs"]))


@dataclass(frozen=True)
class Picture:
    """A figure, and what to see in it."""

    figure: Markup
    caption: str


@dataclass(frozen=True)
class Table:
    """A small table of written numbers; the first `words` columns are words."""

    caption: str
    columns: Sequence[str]
    lines: Sequence[Sequence[str]]
    words: int


@dataclass(frozen=True)
class Found:
    """What a study found: `answers` are sentences made of its numbers."""

    answers: Sequence[str]
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class Chapter:
    """A study on the page."""

    name: str
    question: str
    found: Found
    rows: Sequence[Row]
    notes: Sequence[str]
    facts: Sequence[tuple[str, str]]

    @property
    def anchor(self) -> str:
        return f"study-{self.name}"

    @property
    def labels(self) -> list[str]:
        """The columns that name a row."""
        return list(dict.fromkeys(name for row in self.rows for name in row.labels))


def read_rows(path: Path, summary: Mapping[str, Any]) -> list[Row]:
    """The cells of a summary.

    Raises:
        UserError: the summary is damaged.
    """
    rows = summary.get("rows")
    needed = {"game", "runs", "seeds", "onset_step", *_ENDS}
    if not isinstance(rows, list) or not all(isinstance(row, dict) and needed <= row.keys() for row in rows):
        raise UserError(f"{path / 'summary.json'} is damaged: its rows lack what a study writes; run the study again")
    return [Row(path, row) for row in rows]
