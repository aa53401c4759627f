"""Every game's flawed arm beside its patched twin."""

from __future__ import annotations

from vulngames.report.chapter import Found
from vulngames.report.twins import Twins
from vulngames.studies.emergence.key import Findings, Key
from vulngames.studies.summary import Summary


def chapter(summary: Summary[Key, Findings]) -> Found:
    twins = []
    for game in summary.games:
        flawed, patched = summary[Key(game, "flawed")], summary[Key(game, "patched")]
        twins.append(Twins(game, summary.arm(flawed), summary.arm(patched)))
    return Found(twins=twins)
