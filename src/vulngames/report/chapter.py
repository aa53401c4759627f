"""One study beyond emergence, as the page shows it: its question, what was found, a picture, the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vulngames.report.row import Row


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
