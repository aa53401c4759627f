"""One study, or runs given by themselves, as the page shows it: what was found, pictures, the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from markupsafe import Markup

from vulngames.report.records import Seed, labels_of, records, seeds_of, to_csv
from vulngames.report.setup import policies
from vulngames.report.sources import Sources, sources
from vulngames.report.twins import Twins
from vulngames.runs import Run
from vulngames.studies.summary import Cell


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
    """What a study found: `answers` are sentences made of its numbers. `twins` are shown with their curves, episodes
    and a finding each."""

    answers: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()
    twins: Sequence[Twins] = ()


@dataclass(frozen=True)
class Chapter:
    """A part of the page.

    Attributes:
        name: the study's, or `runs`.
        anchor: its own on the page.
        home: the directory that the cells' runs are given relative to.
        facts: (what, value) pairs that it recorded.
    """

    name: str
    anchor: str
    title: str
    found: Found
    cells: Sequence[Cell]
    home: Path
    notes: Sequence[str]
    facts: Sequence[tuple[str, str]] = ()

    @cached_property
    def runs(self) -> list[Run]:
        """The runs that are there."""
        runs = []
        for cell in self.cells:
            paths = [self.home / path for path in cell.runs]
            runs += [Run(path) for path in paths if (path / "run.json").is_file()]
        return runs

    @property
    def policies(self) -> list[str]:
        """What was trained, with its size where a run records it."""
        return policies(self.runs)

    @property
    def labels(self) -> list[str]:
        """The columns that name a cell."""
        return labels_of(self.cells)

    def seeds(self, cell: Cell) -> list[Seed]:
        """Each run of one of its cells by itself."""
        return seeds_of(cell, self.home)

    def csv(self, page: Path) -> str:
        """Its numbers as CSV, for a page that lies in `page`."""
        return to_csv(records(self.name, self.cells, self.home, page))

    def sources(self, page: Path) -> Sources:
        """Where the numbers of its twins come from, for a page that lies in `page`."""
        return sources([(twins.label, twins.arms) for twins in self.found.twins], self.facts, page)
