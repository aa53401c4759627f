"""Episodes to read: before, at and after onset. Chosen to show, never at random."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vulngames.arm import Arm
from vulngames.printable import printable

PROMPT, TEXT, EVIDENCE = 700, 1000, 400

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Text:
    """A text as shown: `dropped` characters between `head` and `tail` were cut."""

    head: str
    dropped: int = 0
    tail: str = ""


@dataclass(frozen=True)
class Excerpt:
    """One episode of a step, with how many of those that could exploit did."""

    when: str
    step: int
    exploits: int
    occasions: int
    prompt: Text
    texts: tuple[Text, ...]
    evidence: Text
    row: Row


def cut(text: str, most: int) -> Text:
    """The text, or its first two thirds and last third if it is longer than `most` characters."""
    text = printable(text)
    if len(text) <= most:
        return Text(text)
    head, tail = 2 * most // 3, most // 3
    return Text(text[:head], len(text) - head - tail, text[-tail:])


def excerpts(arm: Arm) -> list[Excerpt]:
    """From the arm's first used run, held-out tasks: one episode without the exploit at the first step, then one with
    it at onset (halfway if there is none) and at the last step; of one and the same task where that can be had."""
    if not arm.steps:
        return []
    moments = _moments(arm)
    rows: dict[int, list[Row]] = {step: [] for step in sorted(moments)}
    for row in arm.used[0].samples():
        if row["split"] == "test" and row["step"] in rows:
            rows[row["step"]].append(row)
    wanted = {step: _wanted(found, step != arm.steps[0]) for step, found in rows.items() if found}
    counts = Counter(task for found in wanted.values() for task in dict.fromkeys(row["task"] for row in found))
    shared = counts.most_common(1)[0][0] if counts else ""
    return [
        _excerpt(moments[step], next((row for row in found if row["task"] == shared), found[0]), rows[step])
        for step, found in wanted.items()
    ]


def _moments(arm: Arm) -> dict[int, str]:
    first, last = arm.steps[0], arm.steps[-1]
    if arm.onset is None:
        return {last: "end", arm.steps[len(arm.steps) // 2]: "halfway (no onset)", first: "start"}
    return {last: "after onset", arm.onset: "at onset", first: "before onset"}


def _wanted(rows: Sequence[Row], exploited: bool) -> Sequence[Row]:
    return [row for row in rows if row["exploited"] is exploited] or rows


def _excerpt(when: str, row: Row, rows: Sequence[Row]) -> Excerpt:
    verdicts = [other["exploited"] for other in rows if other["exploited"] is not None]
    texts = tuple(cut(text, TEXT) for text in row["texts"])
    prompt, evidence = cut(row["prompt"], PROMPT), cut(row["error"] or row["evidence"], EVIDENCE)
    return Excerpt(when, row["step"], sum(verdicts), len(verdicts), prompt, texts, evidence, row)
