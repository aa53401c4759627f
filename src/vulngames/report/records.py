"""Numbers as CSV: a record for every cell of a study, and one for each of its seeds."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

from vulngames.arm import Ends, Evaluated, Measured
from vulngames.printable import one_line
from vulngames.runs import Run
from vulngames.studies.summary import Cell

ENDS = tuple(field.name for field in fields(Measured))
"""Measures at both ends: intervals or None."""
STEPS = ("onset_step", "domination_step", "steps", "eval_every")
POOLED = "all"
"""Stands in place of a seed where seeds are pooled."""


@dataclass(frozen=True)
class Seed:
    """One run of a cell by itself."""

    name: str
    path: Path
    ends: Ends


def seeds_of(cell: Cell, home: Path) -> list[Seed]:
    """The runs of a cell, in order; `home` is what their directories are given relative to."""
    seeds = []
    for place, (run, ends) in enumerate(zip(cell.runs, cell.each, strict=True)):
        seeds.append(Seed(_seed(home / run, place), home / run, ends))
    return seeds


def _seed(path: Path, place: int) -> str:
    """The seed of a run; its place among its cell's runs, if it is not there to ask."""
    return str(Run(path).about["config"].get("seed", place) if (path / "run.json").is_file() else place)


def labels_of(cells: Iterable[Cell]) -> list[str]:
    """The columns that name cells: the game, then what else their keys hold."""
    names = {"game": None}
    for cell in cells:
        names |= dict.fromkeys(cell.labels)
    return list(names)


def records(study: str, cells: Sequence[Cell], home: Path, base: Path) -> list[dict[str, Any]]:
    """Cells in order, each followed by its seeds.

    Args:
        home: what the directories of the cells' runs are given relative to.
        base: what to give them relative to.

    Returns:
        the study, the labels; seed: `all`, or one seed; seeds: their number; the measures, each with the bounds of its
        95 % interval (`er_end`, `er_end_lo`, `er_end_hi`), and under `paper_` by the paper's definitions; opens,
        er_opened: the share of seeds that open, and ER at the end of those; opened, judged: their numbers; failed,
        evaluated: numbers of samples; the steps, of single seeds alone; blind_spot: of single seeds, yes, no or not
        measurable; run: a seed's directory. None where there is nothing.
    """
    rows: list[dict[str, Any]] = []
    for cell in cells:
        named = {"study": study, "game": cell.game, **cell.labels}
        rows.append({**named, "seed": POOLED, "seeds": cell.seeds, **_measured(cell.ends), "run": None})
        for seed in seeds_of(cell, home):
            run = Path(os.path.relpath(seed.path, base)).as_posix()
            rows.append({**named, "seed": seed.name, "seeds": 1, **_measured(seed.ends), "run": run})
    return rows


def _measured(ends: Evaluated) -> dict[str, Any]:
    columns: dict[str, Any] = {name: getattr(ends, name, None) for name in _COUNTS}
    if isinstance(ends, Ends):
        opened = ends.opened
        columns |= {
            "opened": int(bool(opened)),
            "judged": int(opened is not None),
            "blind_spot": ends.blind_spot.answer,
        }
    for name in _MEASURES:
        holder = ends.paper if name.startswith("paper_") else ends
        value = getattr(holder, name.removeprefix("paper_"), None)
        columns |= dict(zip(_bounds(name), astuple(value) if value else (None, None, None), strict=True))
    return columns


def _bounds(name: str) -> tuple[str, str, str]:
    """The columns of a measure."""
    return name, f"{name}_lo", f"{name}_hi"


_MEASURES = (
    *ENDS,
    "cut_end",
    "well_formed_end",
    *(f"paper_{name}" for name in ENDS),
    "itp_change",
    "opens",
    "er_opened",
)
_COUNTS = ("opened", "judged", "failed", "evaluated", *STEPS, "blind_spot")
_NUMBERS = ["seed", "seeds", *chain.from_iterable(map(_bounds, _MEASURES)), *_COUNTS, "run"]
"""The columns that do not name a record, in order."""


def to_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Records as CSV with one header; a column that some lack, or that holds None, is empty there."""
    names: dict[str, None] = {}
    for record in records:
        names |= dict.fromkeys(record)
    # What names a record stands first, though another study's records lack it.
    naming = [name for name in names if name not in _NUMBERS]
    header = [*naming, *_NUMBERS]
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(map(_cell_of, header))
    for record in records:
        table.writerow([_cell_of(record.get(name)) for name in header])
    return written.getvalue()


def _cell_of(value: Any) -> Any:
    """A value as a spreadsheet may open it: no text is taken for a formula."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
