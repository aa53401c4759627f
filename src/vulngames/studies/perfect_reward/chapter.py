"""An exploit that is not paid, before and after training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from vulngames.measures import apart
from vulngames.report import figures, format
from vulngames.report.chapter import Found, Picture
from vulngames.report.format import short
from vulngames.studies.perfect_reward.key import Findings, Key
from vulngames.studies.summary import Cell, Summary


def chapter(summary: Summary[Key, Findings]) -> Found:
    cells = list(summary.cells.values())
    er = [(short(cell.game), cell.ends.er_start, cell.ends.er_end) for cell in cells]
    itp = [(short(cell.game), cell.ends.itp_start, cell.ends.itp_end) for cell in cells]
    draws = [partial(figures.bars, rows=er), partial(figures.bars, rows=itp)]
    words = "ER and ITP before and after training by the patched rule"
    high = max(2.2, figures.rows_high(len(er)))
    drawn = figures.sheet(["ER, unpaid", "ITP"], draws, words, "perfect", columns=2, height=high)
    caption = "Hollow: before training. Full: after it, by the patched rule."
    return Found(_answers(cells), [Picture(drawn, caption)])


def _answers(cells: Sequence[Cell[Key]]) -> list[str]:
    answers = []
    for cell in cells:
        ends = cell.ends
        word = {1: "grows", -1: "shrinks", 0: "does not measurably change"}[apart(ends.er_end, ends.er_start)]
        change = format.change(ends.er_start, ends.er_end)
        answers.append(f"{short(cell.game)}: the unpaid exploit {word}, ER {change}")
    return answers
