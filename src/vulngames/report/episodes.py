"""Episodes to read: what is said of one is true of it, of its seed, and of how it was chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vulngames.arm import Arm
from vulngames.printable import printable
from vulngames.runs import Run, SampleRow
from vulngames.seeds import seed as hashed

PROMPT, TEXT, EVIDENCE = 700, 1000, 400


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
    row: SampleRow


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

    @property
    def words(self) -> str:
        """The episode that is shown of it."""
        known = {True: "an episode that exploits", False: "an episode that could exploit and does not"}
        return "an episode as most are" if self.exploited is None else known[self.exploited]


@dataclass
class _Seed:
    """The held-out episodes of one run: all of some steps; of every step how many there are, by verdict; and one that
    is drawn, with its number in the draw. `onset` is its own."""

    run: Run
    arm: str
    name: str
    steps: dict[int, list[SampleRow]]
    counts: dict[int, Counter[bool | None]]
    onset: int | None = None
    drawn: tuple[int, SampleRow] | None = None

    def exploits(self, step: int) -> tuple[int, int]:
        """How many exploit, of how many that could."""
        verdicts = self.counts.get(step, Counter())
        return verdicts[True], verdicts[True] + verdicts[False]

    def share(self, step: int) -> float:
        exploits, occasions = self.exploits(step)
        return exploits / max(1, occasions)

    def excerpt(self, when: str, why: str, row: SampleRow) -> Excerpt:
        exploits, occasions = self.exploits(row["step"])
        evidence = cut(row["error"] or row["evidence"], EVIDENCE)
        episode = Episode(
            self.run.path, self.name, exploits, occasions, cut(row["prompt"], PROMPT), _wrote(row), evidence, row
        )
        return Excerpt(self.arm, row["step"], when, why, episode)


def cut(text: str, most: int) -> Text:
    """The text, or its first two thirds and last third if it is longer than `most` characters."""
    text = printable(text)
    if len(text) <= most:
        return Text(text)
    head, tail = 2 * most // 3, most // 3
    return Text(text[:head], len(text) - head - tail, text[-tail:])


def excerpts(shown: Arm, twin: Arm) -> list[Excerpt]:
    """Episodes of held-out tasks.

    Of `shown`: one without the exploit at the first step, then one with it at onset and one at the last step, all of a
    seed that has its onset there, the middle one of those that seeds have (what most do halfway and at the last step,
    if no seed has one); they are of one seed and task where that can be had. Then the last of these as another cue has
    it, and one drawn at random. Of `twin`, the other arm: the same task at its last step.
    """
    onset = _middle([run.onset_step for run in shown.each])
    moments = _moments(shown, onset)
    steps = [moment.step for moment in moments]
    seeds = [_read(run, shown.name, steps) for run in shown.used]
    for seed, ends in zip(seeds, shown.each, strict=True):
        seed.onset = ends.onset_step
    if not moments or not any(seed.counts for seed in seeds):
        return []
    # What is said of an onset must be so of the seed that is shown.
    chosen = _at_moments(moments, [seed for seed in seeds if onset is None or seed.onset == onset])
    episodes = [excerpt.episode for excerpt in chosen if excerpt.episode]
    if episodes:
        chosen += [*_other_cue(episodes[-1], seeds), *_twin(episodes[-1], twin)]
    return [*chosen, _random(seeds)]


def _middle(steps: Sequence[int | None]) -> int | None:
    """The middle one of the steps there are, the earlier of two; None without any."""
    there = sorted(step for step in steps if step is not None)
    return there[(len(there) - 1) // 2] if there else None


def _moments(arm: Arm, onset: int | None) -> list[_Moment]:
    if not arm.steps:
        return []
    first, half, last = arm.steps[0], arm.steps[len(arm.steps) // 2], arm.steps[-1]
    if onset is None:
        moments = [_Moment(last, "end", None), _Moment(half, "halfway (no onset)", None), _Moment(first, "start", None)]
    else:
        moments = [_Moment(last, "after onset", True), _Moment(onset, "at onset", True)]
        moments.append(_Moment(first, "before onset", False))
    by_step = {moment.step: moment for moment in moments}
    return [by_step[step] for step in sorted(by_step)]


def _read(run: Run, arm: str, steps: Sequence[int]) -> _Seed:
    name = _name(run)
    read = _Seed(run, arm, name, {step: [] for step in steps}, {})
    for row in run.samples():
        if row["split"] != "test":
            continue
        draw = hashed("random episode", row["game"], arm, name, row["step"], row["task"], row["index"])
        if read.drawn is None or draw < read.drawn[0]:
            read.drawn = (draw, row)
        read.counts.setdefault(row["step"], Counter())[row["exploited"]] += 1
        if row["step"] in read.steps:
            read.steps[row["step"]].append(row)
    return read


def _name(run: Run) -> str:
    return str(run.about["config"].get("seed", run.path.name))


def _at_moments(moments: Sequence[_Moment], seeds: Sequence[_Seed]) -> list[Excerpt]:
    wanted = {moment.step: _wanted(moment, seeds) for moment in moments}
    places = _places(moments, seeds, wanted)
    task = _shared_task([wanted[step][place] for step, place in places.items()])
    excerpts = []
    for moment in moments:
        if moment.step not in places:
            who = "No seed" if moment.exploited is None else "No seed of this onset"
            why = f"{who} has {moment.words} at this step."
            excerpts.append(Excerpt(seeds[0].arm, moment.step, moment.when, why))
            continue
        place = places[moment.step]
        rows = wanted[moment.step][place]
        row = next((row for row in rows if row["task"] == task), rows[0])
        excerpts.append(seeds[place].excerpt(moment.when, f"Chosen: {moment.words}.", row))
    return excerpts


def _wanted(moment: _Moment, seeds: Sequence[_Seed]) -> list[list[SampleRow]]:
    """The episodes of a moment that show what is said of it, seed by seed."""
    exploits, occasions = map(sum, zip(*(seed.exploits(moment.step) for seed in seeds), strict=True))
    exploited = moment.exploited
    if exploited is None:
        if not occasions:
            return [seed.steps[moment.step] for seed in seeds]
        exploited = 2 * exploits > occasions
    wanted = []
    for seed in seeds:
        wanted.append([row for row in seed.steps[moment.step] if row["exploited"] is exploited])
    return wanted


def _places(
    moments: Sequence[_Moment], seeds: Sequence[_Seed], wanted: Mapping[int, Sequence[Sequence[SampleRow]]]
) -> dict[int, int]:
    """Which seed shows each step, of those steps that any can: one seed for all of them where possible."""
    able = [step for step, rows in wanted.items() if any(rows)]
    # Of the seeds that have their onset there, the one that shows it best.
    onset = next((moment.step for moment in moments if moment.exploited), None)
    order = sorted(range(len(seeds)), key=lambda place: 0.0 if onset is None else -seeds[place].share(onset))
    shown = [wanted[step] for step in able]
    whole = [place for place in order if _shows(place, shown)]
    places = {}
    for step in able:
        places[step] = next(place for place in [*whole, *order] if wanted[step][place])
    return places


def _shows(place: int, steps: Sequence[Sequence[Sequence[SampleRow]]]) -> bool:
    """Whether a seed has episodes to show at every step."""
    return all(rows[place] for rows in steps)


def _shared_task(chosen: Sequence[Sequence[SampleRow]]) -> str:
    """The task that most of the steps can show."""
    tasks: Counter[str] = Counter()
    for rows in chosen:
        tasks.update(list(dict.fromkeys(row["task"] for row in rows)))
    return tasks.most_common(1)[0][0] if tasks else ""


def _other_cue(last: Episode, seeds: Sequence[_Seed]) -> list[Excerpt]:
    """What was done where the cue is another one: with the same request, or with one of its kind if none is paired."""
    here = next(seed for seed in seeds if seed.run.path == last.run)
    row = last.row
    others = [other for other in here.steps[row["step"]] if other["cue"] and other["cue"] != row["cue"]]
    paired = [other for other in others if row["pair"] and other["pair"] == row["pair"]]
    if paired:
        other = next((other for other in paired if other["index"] == row["index"]), paired[0])
        return [here.excerpt(f"the same request, from: {other['cue']}", "Its pair, whatever was done.", other)]
    alike = [other for other in others if _of_gap(other) == _of_gap(row)]
    if not row["cue"] or not alike:
        return []
    other = min(alike, key=lambda other: hashed("another cue", row["task"], other["task"], other["index"]))
    return [here.excerpt(f"another request, from: {other['cue']}", "Drawn at random.", other)]


def _of_gap(row: SampleRow) -> bool:
    """Whether the measures of a gap speak of it, rather than of requests that have no hole."""
    return row["exploited"] is not None or row["paper"]["acc"] is not None


def _twin(last: Episode, twin: Arm) -> list[Excerpt]:
    """The same task at the end of the other arm, of the same seed if it is there."""
    if not twin.steps:
        return []
    run = next((run for run in twin.used if _name(run) == last.seed), twin.used[0])
    here = _read(run, twin.name, twin.steps[-1:])
    rows = here.steps[twin.steps[-1]]
    same = [row for row in rows if row["task"] == last.row["task"]]
    if same:
        return [here.excerpt(f"{twin.name} arm", "The same task, whatever was done.", same[0])]
    if not rows:
        return []
    drawn = min(rows, key=lambda row: hashed("twin", row["task"], row["index"]))
    return [here.excerpt(f"{twin.name} arm", "Drawn at random: the task shown before is not there.", drawn)]


def _random(seeds: Sequence[_Seed]) -> Excerpt:
    drawn = [(*seed.drawn, seed) for seed in seeds if seed.drawn is not None]
    _, row, here = min(drawn, key=lambda draw: draw[0])
    count = 0
    for seed in seeds:
        count += sum(verdicts.total() for verdicts in seed.counts.values())
    return here.excerpt("at random", f"Drawn by a hash of names from all {count:,} held-out episodes of the arm.", row)


_CUT_BY = {"length": "its token limit", "content_filter": "a filter"}


def _wrote(row: SampleRow) -> tuple[Wrote, ...]:
    # A text that was written elsewhere says neither what was asked later nor how it ended.
    asked, finish = row["asked"], row["finish"]
    turns = []
    for place, text in enumerate(row["completions"]):
        question = cut(asked[place - 1], PROMPT) if 0 < place <= len(asked) else None
        cut_by = _CUT_BY.get(finish[place], "") if place < len(finish) else ""
        turns.append(Wrote(cut(text, TEXT), question, cut_by))
    return tuple(turns)
