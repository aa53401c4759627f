"""Numbers as CSV: a record for every cell of a study, and one for each of its seeds."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vulngames.printable import one_line
from vulngames.report.row import Numbers, Row
from vulngames.summary import ENDS, STEPS

MEASURES = (*ENDS, "cut_end")
POOLED = "all"
"""Stands in place of a seed where seeds are pooled."""


def records(study: str, rows: Sequence[Row], home: Path) -> list[dict[str, Any]]:
    """Cells in order, each followed by its seeds.

    Args:
        home: what the directories of runs are given relative to.

    Returns:
        the study, the labels; seed: `all`, or one seed; seeds: their number; the measures, each with the bounds of its
        95 % interval (`er_end`, `er_end_lo`, `er_end_hi`), and under `paper_` by the paper's definitions; failed,
        evaluated: numbers of samples; the steps; run: a seed's directory. None where there is nothing.
    """
    return [record for row in rows for record in _cell(study, row, home)]


def _cell(study: str, row: Row, home: Path) -> Iterator[dict[str, Any]]:
    named = {"study": study, "game": row["game"], **row.labels}
    yield {**named, "seed": POOLED, "seeds": row["seeds"], **_measured(row), "run": None}
    for seed in row.seeds:
        run = Path(os.path.relpath(seed.path, home)).as_posix()
        yield {**named, "seed": seed.name, "seeds": 1, **_measured(seed), "run": run}


def _measured(numbers: Numbers) -> dict[str, Any]:
    held, paper = numbers.held, numbers.held.get("paper") or {}
    found: dict[str, Any] = {}
    for name, value in [*((name, held.get(name)) for name in MEASURES), *((f"paper_{n}", paper.get(n)) for n in ENDS)]:
        bounds: Mapping[str, Any] = value or {}
        found |= {name: bounds.get("mean"), f"{name}_lo": bounds.get("lo"), f"{name}_hi": bounds.get("hi")}
    return found | {name: held.get(name) for name in ("failed", "evaluated", *STEPS)}


def to_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Records as CSV with one header; a column that some lack, or that holds None, is empty there."""
    measured = list(_measured(Numbers({})))
    held = dict.fromkeys(name for record in records for name in record)
    # What names a record stands first, though another study's records lack it.
    names = [name for name in held if name not in {"seed", "seeds", "run", *measured}]
    header = [*names, "seed", "seeds", *measured, "run"]
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(map(_cell_of, header))
    table.writerows([_cell_of(record.get(name)) for name in header] for record in records)
    return written.getvalue()


def _cell_of(value: Any) -> Any:
    """A value as a spreadsheet may open it: no text is taken for a formula."""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text
