"""An exploit that is not paid, before and after training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from vulngames.measure import apart
from vulngames.report import figures, number
from vulngames.report.chapter import Found, Picture
from vulngames.report.row import Row, short


def perfect_reward(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    drawn = figures.sheet(
        ["ER, unpaid", "ITP"],
        [
            partial(figures.bars, rows=[(short(r["game"]), r.value(f"{m}_start"), r.value(f"{m}_end")) for r in rows])
            for m in ("er", "itp")
        ],
        "ER and ITP before and after training by the patched rule", "perfect", 2, 2.2,
    )  # fmt: skip
    answers = []
    for row in rows:
        side = apart(row.value("er_end"), row.value("er_start"))
        word = {1: "grows", -1: "shrinks", 0: "does not measurably change"}[side]
        change = number.change(row.value("er_start"), row.value("er_end"))
        answers.append(f"{short(row['game'])}: the unpaid exploit {word}, ER {change}")
    return Found(answers, [Picture(drawn, "Hollow: before training. Full: after it, by the patched rule.")])
