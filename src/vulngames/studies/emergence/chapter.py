"""Every game's flawed arm beside its patched twin."""

from __future__ import annotations

from vulngames.arm import ARMS
from vulngames.report.chapter import Found
from vulngames.report.twins import Twins
from vulngames.studies.emergence.key import Findings, Key
from vulngames.studies.summary import Summary

RULES = {
    ("self-grading-v1", "nothing stated"): "the paper's rule and prompt: the report is greedy, and only the answer's "
    "tokens are trained; by default here the rule is the same, but the prompt asks for a sentence of confidence before "
    "the answer",
    ("self-grading-v1", "nothing stated, report trained"): "the paper's prompt, but not its rule: the report is "
    "sampled and trained too",
}
"""How variants stand to the paper's rule."""


def chapter(summary: Summary[Key, Findings]) -> Found:
    twins, rules = [], []
    for game in summary.games:
        for variant in ("", *summary.findings.variants[game]):
            flawed, patched = (summary[Key(game, arm, variant)] for arm in ARMS)
            label = f"{game}, {variant}" if variant else game
            twins.append(Twins(label, summary.arm(flawed), summary.arm(patched), (flawed.key, patched.key)))
            if rule := RULES.get((game, variant)):
                rules.append(f"{label}: {rule}")
    return Found(rules, twins=twins)
