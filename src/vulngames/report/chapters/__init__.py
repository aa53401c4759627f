"""The chapters: for each study a picture fit for its question, and sentences made of its numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vulngames.errors import UserError
from vulngames.report.chapter import Chapter, Found
from vulngames.report.chapters.audit_rate import audit_rate
from vulngames.report.chapters.catalysis import catalysis
from vulngames.report.chapters.correction import correction
from vulngames.report.chapters.distillation import distillation
from vulngames.report.chapters.perfect_reward import perfect_reward
from vulngames.report.chapters.scale import scale
from vulngames.report.chapters.transfer import transfer
from vulngames.report.row import Row
from vulngames.runs import mixed

CHAPTERS: dict[str, tuple[str, Callable[[Sequence[Row], Mapping[str, Any]], Found]]] = {
    "transfer": ("Does an exploit learned in one game show in the others, without training there?", transfer),
    "catalysis": ("Does a first learned exploit open a second one earlier, or wider?", catalysis),
    "distillation": ("Does an exploit pass from a teacher's transcripts to a student?", distillation),
    "correction": ("Is an exploit born of RL harder to train out than one born of imitation?", correction),
    "audit-rate": ("How often must reports be audited, and does announcing audits help?", audit_rate),
    "scale": ("Does a larger policy learn the exploit sooner, or more of it?", scale),
    "perfect-reward": ("Does the exploit grow when it can be used but is not paid?", perfect_reward),
}
# What chapters read of a summary beyond its rows.
_MORE = {"audit-rate": {"boundaries"}, "scale": {"parameters"}}


def chapter(path: Path, summary: Mapping[str, Any]) -> Chapter:
    """The chapter of the study that `path` holds.

    Raises:
        UserError: the summary is damaged.
    """
    name = str(summary["study"])
    question, draw = CHAPTERS[name]
    if missing := _MORE.get(name, set()) - summary.keys():
        raise UserError(f"{path / 'summary.json'} is damaged: it holds no {', '.join(sorted(missing))}; run it again")
    rows = [Row(row, path) for row in summary["rows"]]
    found = draw(rows, summary) if rows else Found(["nothing was measured"])
    unfinished = sum(not row.arm.complete for row in rows)
    notes = [f"{unfinished} of {len(rows)} cells have runs that are missing or not finished."] if unfinished else []
    lonely = sum(sum(each["er_end"] is not None for each in row["each"]) < 2 for row in rows)
    if lonely:
        notes.append(f"{lonely} of {len(rows)} cells are measured in fewer than two seeds: they say nothing of others.")
    if other := list(dict.fromkeys(each for row in rows for each in mixed(row.arm.found))):
        notes.append(f"There are cells whose runs were not made with the same {', '.join(other)}.")
    facts = [("command", summary["command"]), ("scale", str(summary.get("scale", "")))]
    return Chapter(name, question, found, rows, notes, facts)
