"""What a reader has to know of a chapter's runs beside their numbers, a sentence each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vulngames.arm import Arm, Pooled
from vulngames.measures import Interval
from vulngames.report.twins import Twins
from vulngames.runs import mixed
from vulngames.studies.summary import Cell, Summary

_ROUNDING = 1e-3


def of_cells(summary: Summary) -> list[str]:
    """How many cells have runs that are not all there, or not alike."""
    cells = list(summary.cells.values())
    arms = [summary.arm(cell) for cell in cells]
    notes = []
    if unfinished := sum(not arm.complete for arm in arms):
        notes.append(f"{unfinished} of {len(cells)} cells have runs that are missing or not finished.")
    if lonely := sum(_measured(cell) < 2 for cell in cells):
        notes.append(
            f"{lonely} of {len(cells)} cells are measured in fewer than two seeds: they say nothing of others, and "
            "their intervals are of one run alone."
        )
    differing: dict[str, None] = {}
    for arm in arms:
        differing |= dict.fromkeys(mixed(arm.found))
    if differing:
        notes.append(f"There are cells whose runs were not made with the same {', '.join(differing)}.")
    return notes


def _measured(cell: Cell) -> int:
    return sum(ends.er_end is not None for ends in cell.each)


def of_twins(twins: Sequence[Twins]) -> list[str]:
    """The same of twins, arm by arm, and which of them hold samples that could not be scored."""
    notes = []
    for pair in twins:
        if differing := mixed(pair.runs):
            parts = ", ".join(differing)
            notes.append(f"{pair.label}: its runs were not made with the same {parts}, though their configs agree.")
        for arm in pair.arms:
            notes += _gaps(arm)
    return notes


def _gaps(arm: Arm) -> list[str]:
    notes, named = [], f"{arm.game}, {arm.name}"
    if arm.paths and not arm.complete:
        finished = sum(run.finished for run in arm.found)
        missing = len(arm.paths) - len(arm.found)
        count = f"{finished} of {len(arm.paths)} runs finished" + (f" and {missing} missing" if missing else "")
        used = f"those of {len(arm.used)} up to step {arm.steps[-1]}" if arm.steps else "none yet"
        notes.append(f"Not finished: {named} has {count}; its numbers are {used}.")
    if len(arm.paths) == 1:
        notes.append(f"{named} is a single run: its intervals are of that run alone, and say nothing of other seeds.")
    failed, evaluated = arm.failed
    if failed:
        notes.append(f"{named}: {failed:,} of {evaluated:,} evaluated samples could not be scored and are left out.")
    return notes


def disagreements(twins: Sequence[Twins], shown: Sequence[Cell], summary: Summary) -> list[str]:
    """Where the cells shown, which are made of the runs, are not what the summary says of the same runs."""
    whole: list[tuple[Path, ...]] = []
    for pair in twins:
        whole += [arm.paths for arm in pair.arms if arm.complete]
    written = {summary.arm(cell).paths: cell.ends for cell in summary.cells.values()}
    notes = []
    for cell in shown:
        paths = summary.arm(cell).paths
        if paths in whole and (differ := _differences(cell.ends, written[paths])):
            named = f"{cell.game}, {cell.key.arm}"
            notes.append(f"summary.json disagrees with the runs of {named}, shown here: {'; '.join(differ)}.")
    return notes


def _differences(ours: Pooled, theirs: Pooled) -> list[str]:
    differences = []
    for name in ("opened", "itp_start", "itp_end", "er_start", "er_end", "er_opened"):
        shown, written = _number(getattr(ours, name)), _number(getattr(theirs, name))
        if not _agree(shown, written):
            differences.append(f"{name} {_text(written)}, not {_text(shown)}")
    return differences


def _number(value: Interval | int | None) -> float | None:
    return value.mean if isinstance(value, Interval) else value


def _agree(a: float | None, b: float | None) -> bool:
    return a is b if a is None or b is None else abs(a - b) <= _ROUNDING


def _text(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
