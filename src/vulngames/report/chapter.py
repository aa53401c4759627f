"""One study beyond emergence, as the page shows it: its question, what was found, a picture, the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from vulngames.report.records import records, to_csv
from vulngames.report.row import Row, labels_of
from vulngames.runs import Run


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
    def runs(self) -> list[Run]:
        return [run for row in self.rows for run in row.arm.found]

    def csv(self, home: Path) -> str:
        """Its numbers as CSV, for a page that lies in `home`."""
        return to_csv(records(self.name, self.rows, home))

    @property
    def labels(self) -> list[str]:
        """The columns that name a row."""
        return labels_of(self.rows)
