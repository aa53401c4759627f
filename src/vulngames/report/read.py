"""What directories say, as chapters of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from vulngames.errors import UserError
from vulngames.report import notes
from vulngames.report.chapter import Chapter, Found
from vulngames.report.pairs import pair
from vulngames.report.twins import Twins
from vulngames.studies.catalogue import CATALOGUE
from vulngames.studies.summary import Cell, Summary, finished, read_summary


def read(dirs: Sequence[Path]) -> list[Chapter]:
    """The page's chapters: finished studies in the order of the catalogue, then runs by themselves.

    Raises:
        UserError: see `write_report`.
    """
    studies: dict[Path, Summary] = {}
    chapters: list[Chapter] = []
    single: dict[Path, Path] = {}
    for path in dirs:
        homes = finished(path)
        for home in homes:
            studies[home.resolve()] = read_summary(home)
        if homes:
            continue
        if (path / "run.json").is_file():
            single[path.resolve()] = path
        elif runs := [file.parent for file in sorted(path.glob("runs/*/run.json"))]:
            note = "The study is not finished: it has no summary.json yet."
            chapters.append(_of_runs(f"Runs of {path.name}", f"runs-{1 + len(chapters)}", runs, [note]))
        else:
            raise UserError(f"{path} is neither a study (summary.json) nor a run (run.json)")
    if single:
        chapters.append(_of_runs("Runs", f"runs-{1 + len(chapters)}", list(single.values()), []))
    chapters = [*_of_studies(list(studies.values())), *chapters]
    if not chapters:
        raise UserError("nothing to report; give study or run directories")
    if not studies and not any(chapter.found.twins for chapter in chapters):
        names = ", ".join(map(str, dirs))
        raise UserError(
            f"{names}: no training by reward to report; valid: studies or runs of it; `show` has the samples"
        )
    return chapters


def _of_studies(studies: Sequence[Summary]) -> list[Chapter]:
    places = list(CATALOGUE)
    counts: Counter[str] = Counter()
    chapters = []
    for summary in sorted(studies, key=lambda summary: places.index(summary.study)):
        counts[summary.study] += 1
        again = f"-{counts[summary.study]}" if counts[summary.study] > 1 else ""
        chapters.append(_of_study(summary, f"study-{summary.study}{again}"))
    return chapters


def _of_study(summary: Summary, anchor: str) -> Chapter:
    found = Found(["nothing was measured"])
    if summary.cells:
        found = summary.entry.part("chapter").chapter(summary)
    cells: Sequence[Cell] = list(summary.cells.values())
    if found.twins:
        # What is shown of twins is made of their runs, so that it agrees with their curves.
        cells = _cells_of(found.twins, summary.home.resolve())
        noted = [*notes.disagreements(found.twins, cells, summary), *notes.of_twins(found.twins)]
    else:
        noted = notes.of_cells(summary)
    time = f"{summary.wall_s:.0f} s"
    facts = [("command", summary.command), ("scale", summary.scale), ("time spent in its store", time)]
    return Chapter(summary.study, anchor, summary.entry.question, found, cells, summary.home, noted, facts)


def _of_runs(title: str, anchor: str, paths: Sequence[Path], given: Sequence[str]) -> Chapter:
    twins, left_out = pair(paths)
    noted = [*given, *left_out, *notes.of_twins(twins)]
    return Chapter("runs", anchor, title, Found(twins=twins), _cells_of(twins, Path()), Path(), noted)


def _cells_of(twins: Sequence[Twins], home: Path) -> list[Cell]:
    cells: list[Cell] = []
    for game in twins:
        cells += game.cells(home)
    return cells
