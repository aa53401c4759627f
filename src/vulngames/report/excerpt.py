"""Episodes to read: what is said of one is true of it, of its seed, and of how it was chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from vulngames.arm import Arm
from vulngames.printable import printable
from vulngames.runs import Run
from vulngames.seeds import seed

PROMPT, TEXT, EVIDENCE = 700, 1000, 400

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Text:
    """A text as shown: `dropped` characters between `head` and `tail` were cut."""

    head: str
    dropped: int = 0
    tail: str = ""


@dataclass(frozen=True)
class Wrote:
    """A text that the policy wrote: what it was asked before, if it is not the prompt and on file, and what cut it."""

    text: Text
    asked: Text | None
    cut_by: str


@dataclass(frozen=True)
class Episode:
    """An episode as shown, its run and the run's seed; of the run's held-out episodes of that step `exploits` did, of
    the `occasions` that could."""

    run: Path
    seed: str
    exploits: int
    occasions: int
    prompt: Text
    wrote: tuple[Wrote, ...]
    evidence: Text
    row: Row


@dataclass(frozen=True)
class Excerpt:
    """An episode of a step, `why` this one; or none, and `why` there is none."""

    arm: str
    step: int
    when: str
    why: str
    episode: Episode | None = None


@dataclass(frozen=True)
class _Moment:
    """A step, and whether what is shown of it exploits; None: as most episodes do."""

    step: int
    when: str
    exploited: bool | None


@dataclass
class _Held:
    """The held-out episodes of one run: all of some steps; of every step how many there are, by verdict; and one that
    is drawn, with its number in the draw."""

    run: Run
    arm: str
    seed: str
    steps: dict[int, list[Row]]
    counts: dict[int, Counter[bool | None]]
    drawn: list[tuple[int, Row]]

    def exploits(self, step: int) -> tuple[int, int]:
        """How many exploit, of how many that could."""
        verdicts = self.counts.get(step, Counter())
        return verdicts[True], verdicts[True] + verdicts[False]

    def share(self, step: int) -> float:
        exploits, occasions = self.exploits(step)
        return exploits / max(1, occasions)

    def excerpt(self, when: str, why: str, row: Row) -> Excerpt:
        exploits, occasions = self.exploits(row["step"])
        evidence = cut(row["error"] or row["evidence"], EVIDENCE)
        shown = Episode(
            self.run.path, self.seed, exploits, occasions, cut(row["prompt"], PROMPT), _wrote(row), evidence, row
        )
        return Excerpt(self.arm, row["step"], when, why, shown)


def cut(text: str, most: int) -> Text:
    """The text, or its first two thirds and last third if it is longer than `most` characters."""
    text = printable(text)
    if len(text) <= most:
        return Text(text)
    head, tail = 2 * most // 3, most // 3
    return Text(text[:head], len(text) - head - tail, text[-tail:])


def excerpts(shown: Arm, twin: Arm) -> list[Excerpt]:
    """Episodes of held-out tasks.

    Of `shown`: one without the exploit at the first step, then one with it at onset and one at the last step (what most
    do halfway and at the last step, if there is no onset), each from a seed that has it, and of one seed and task where
    that can be had; the last of these as another cue has it; and one drawn at random. Of `twin`, the other arm: the
    same task at its last step.
    """
    moments = _moments(shown)
    held = [_read(run, shown.name, [moment.step for moment in moments]) for run in shown.used]
    if not moments or not any(each.counts for each in held):
        return []
    found = _at_moments(moments, held)
    last = next((excerpt.episode for excerpt in reversed(found) if excerpt.episode), None)
    more = [*_other_cue(last, held), *_twin(last, twin)] if last else []
    return [*found, *more, *_random(held)]


def _moments(arm: Arm) -> list[_Moment]:
    if not arm.steps:
        return []
    first, half, last = arm.steps[0], arm.steps[len(arm.steps) // 2], arm.steps[-1]
    if arm.onset is None:
        found = [_Moment(last, "end", None), _Moment(half, "halfway (no onset)", None), _Moment(first, "start", None)]
    else:
        found = [_Moment(last, "after onset", True), _Moment(arm.onset, "at onset", True)]
        found.append(_Moment(first, "before onset", False))
    by_step = {moment.step: moment for moment in found}
    return [by_step[step] for step in sorted(by_step)]


def _read(run: Run, arm: str, steps: Sequence[int]) -> _Held:
    held = _Held(run, arm, _seed(run), {step: [] for step in steps}, {}, [])
    for row in run.samples():
        if row["split"] != "test":
            continue
        draw = seed("random episode", row["game"], arm, held.seed, row["step"], row["task"], row["index"])
        if not held.drawn or draw < held.drawn[0][0]:
            held.drawn = [(draw, row)]
        held.counts.setdefault(row["step"], Counter())[row["exploited"]] += 1
        if row["step"] in held.steps:
            held.steps[row["step"]].append(row)
    return held


def _seed(run: Run) -> str:
    return str(run.about["config"].get("seed", run.path.name))


def _at_moments(moments: Sequence[_Moment], held: Sequence[_Held]) -> list[Excerpt]:
    wanted = {moment.step: _wanted(moment, held) for moment in moments}
    able = [step for step, each in wanted.items() if any(each)]
    # Seeds differ most at the onset, and it is there that a seed must bear out what is said of all of them.
    onset = next((moment.step for moment in moments if moment.exploited), None)
    order = sorted(range(len(held)), key=lambda place: 0.0 if onset is None else -held[place].share(onset))
    whole = [place for place in order if all(wanted[step][place] for step in able)]
    places = {step: next(place for place in [*whole, *order] if wanted[step][place]) for step in able}
    tasks = Counter(task for step, place in places.items() for task in {row["task"]: 1 for row in wanted[step][place]})
    shared = tasks.most_common(1)[0][0] if tasks else ""
    found = []
    for moment in moments:
        if moment.step not in places:
            found.append(Excerpt(held[0].arm, moment.step, moment.when, f"No seed has {_words(moment)} at this step."))
            continue
        place = places[moment.step]
        rows = wanted[moment.step][place]
        row = next((row for row in rows if row["task"] == shared), rows[0])
        found.append(held[place].excerpt(moment.when, f"Chosen: {_words(moment)}.", row))
    return found


def _wanted(moment: _Moment, held: Sequence[_Held]) -> list[list[Row]]:
    """The episodes of a moment that show what is said of it, run by run."""
    rows = [each.steps[moment.step] for each in held]
    exploits, occasions = map(sum, zip(*(each.exploits(moment.step) for each in held), strict=True))
    if moment.exploited is None and not occasions:
        return rows
    exploited = 2 * exploits > occasions if moment.exploited is None else moment.exploited
    return [[row for row in each if row["exploited"] is exploited] for each in rows]


def _words(moment: _Moment) -> str:
    known = {True: "an episode that exploits", False: "an episode that could exploit and does not"}
    return "an episode as most are" if moment.exploited is None else known[moment.exploited]


def _other_cue(last: Episode, held: Sequence[_Held]) -> list[Excerpt]:
    """What was done where the cue is another one: with the same request, or with one of its kind if none is paired."""
    here = next(each for each in held if each.run.path == last.run)
    row = last.row
    others = [other for other in here.steps[row["step"]] if other["cue"] and other["cue"] != row["cue"]]
    paired = [other for other in others if row["pair"] and other["pair"] == row["pair"]]
    if paired:
        other = next((other for other in paired if other["index"] == row["index"]), paired[0])
        return [here.excerpt(f"the same request, from: {other['cue']}", "Its pair, whatever was done.", other)]
    alike = [other for other in others if _kind(other) == _kind(row)]
    if not row["cue"] or not alike:
        return []
    other = min(alike, key=lambda other: seed("another cue", row["task"], other["task"], other["index"]))
    return [here.excerpt(f"another request, from: {other['cue']}", "Drawn at random.", other)]


def _kind(row: Row) -> bool:
    """Whether the measures of a gap speak of it, rather than of requests that have no hole."""
    return row["exploited"] is not None or row["paper"]["acc"] is not None


def _twin(last: Episode, twin: Arm) -> list[Excerpt]:
    """The same task at the end of the other arm, of the same seed if it is there."""
    if not twin.steps:
        return []
    run = next((run for run in twin.used if _seed(run) == last.seed), twin.used[0])
    here = _read(run, twin.name, twin.steps[-1:])
    rows = here.steps[twin.steps[-1]]
    same = [row for row in rows if row["task"] == last.row["task"]]
    if same:
        return [here.excerpt(f"{twin.name} arm", "The same task, whatever was done.", same[0])]
    drawn = sorted(rows, key=lambda row: seed("twin", row["task"], row["index"]))[:1]
    return [
        here.excerpt(f"{twin.name} arm", "Drawn at random: the task shown before is not there.", row) for row in drawn
    ]


def _random(held: Sequence[_Held]) -> list[Excerpt]:
    here = min((each for each in held if each.drawn), key=lambda each: each.drawn[0][0])
    count = sum(verdicts.total() for each in held for verdicts in each.counts.values())
    why = f"Drawn by a hash of names from all {count:,} held-out episodes of the arm."
    return [here.excerpt("at random", why, here.drawn[0][1])]


_CUT_BY = {"length": "its token limit", "content_filter": "a filter"}


def _wrote(row: Row) -> tuple[Wrote, ...]:
    # Older files say neither what was asked later nor how a text ended.
    asked = (None, *(cut(text, PROMPT) for text in row.get("asked", ())))
    ends = tuple(_CUT_BY.get(end, "") for end in row.get("finish", ()))
    turns = zip_longest(row["completions"], asked[: len(row["completions"])], ends[: len(row["completions"])])
    return tuple(Wrote(cut(text, TEXT), question, cut_by or "") for text, question, cut_by in turns)
