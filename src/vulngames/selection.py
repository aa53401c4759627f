"""Which samples of a run are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from vulngames.errors import UserError
from vulngames.options import optional

if TYPE_CHECKING:
    from vulngames.runs import Run, SampleRow


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Conditions that a sample meets, all of them."""

    step: int | None = optional("the last one")
    """Samples drawn at this step."""
    split: Literal["test", "train", "all"] | None = optional("test if the run has any")
    """test: held-out tasks, at evaluations. train: what was trained on, or collected as transcripts. all: every row of
    a file, in `eval --data`."""
    exploited: bool = False
    """Only samples in which the hole was used."""
    honest: bool = False
    """Only samples with an occasion to use the hole, in which it was left alone."""
    failed: bool = False
    """Only samples that could not be scored."""
    cut: bool = False
    """Only samples with a reply that was cut at its token limit or by a filter."""
    cue: str | None = optional("any")
    """Only samples with this cue, e.g. auditor."""
    task: str | None = optional("any")
    """Only samples of the task with this id."""
    holds: str | None = optional("anything")
    """Only samples whose prompt or completions hold this text, in upper or lower case."""

    def takes(self, row: SampleRow) -> bool:
        """Whether a sample meets every condition but those on step and split."""
        text = "\n".join((row["prompt"], *row["completions"])).casefold()
        return not (
            (self.exploited and row["exploited"] is not True)
            or (self.honest and row["exploited"] is not False)
            or (self.failed and row["reward"] is not None)
            or (self.cut and not set(row.get("finish", ())) - {"stop"})
            or (self.cue is not None and row["cue"] != self.cue)
            or (self.task is not None and row["task"] != self.task)
            or (self.holds is not None and self.holds.casefold() not in text)
        )


@dataclass(frozen=True)
class Selected:
    """The samples of one split at one step, or at every step if that is None, that meet the conditions.

    Attributes:
        drawn: samples of that split and step, whether or not they meet the conditions.
        could, exploited: of these, how many could use the hole, and did.
        well_formed: how many of the exploited ones are well-formed; None where that is not told of any.
        rows: those that do, as in samples.jsonl.gz, in their order.
    """

    split: str
    step: int | None
    drawn: int
    could: int
    exploited: int
    well_formed: int | None
    rows: list[SampleRow]

    @property
    def title(self) -> str:
        """Where they come from, in a few words."""
        at = "every step" if self.step is None else f"step {self.step}"
        return f"{self.split} split, {at}: {len(self.rows):,} of {self.drawn:,} samples"


def select(run: Run, wanted: Selection, every_step: bool = False) -> Selected:
    """The samples of `run` that are wanted; with `every_step`, those of all steps where none is named.

    Raises:
        UserError: the run holds no samples, or none of that split or step; it names those there are.
    """
    # Not at the top: the command line shows these options' help without it.
    from vulngames.types import WELL_FORMED

    steps: dict[str, set[int]] = {}
    for row in run.samples():
        steps.setdefault(row["split"], set()).add(row["step"])
    if not steps:
        raise UserError(f"{run.path} holds no samples yet; valid: a run that has been evaluated at least once")
    split: str = wanted.split or ("test" if "test" in steps else min(steps))
    if split not in steps:
        raise UserError(f"{run.path} holds no samples of split {split!r}; valid: {', '.join(steps)}")
    step = wanted.step
    if step is None and not every_step:
        step = max(steps[split])
    if step is not None and step not in steps[split]:
        valid = ", ".join(map(str, sorted(steps[split])))
        raise UserError(f"{run.path} holds no {split} samples of step {step}; valid: {valid}")
    rows, verdicts, formed = [], [], []
    for row in run.samples():
        if row["split"] == split and step in (None, row["step"]):
            verdicts.append(row["exploited"])
            formed += [row["parts"][WELL_FORMED]] if WELL_FORMED in row["parts"] else []
            if wanted.takes(row):
                rows.append(row)
    could, well_formed = len(verdicts) - verdicts.count(None), formed.count(1.0) if formed else None
    return Selected(split, step, len(verdicts), could, verdicts.count(True), well_formed, rows)


def few(rows: list[SampleRow], most: int | None, by_chance: bool) -> list[SampleRow]:
    """At most so many of them, in their order: the first, or the same ones by chance each time.

    Raises:
        UserError: fewer than one is asked for.
    """
    if most is not None and most < 1:
        raise UserError(f"n = {most}; valid: 1 or more")
    # Not at the top: the command line shows these options' help without it.
    from vulngames.seeds import rng

    if not by_chance or most is None:
        return rows[:most]
    places = rng("show", len(rows), most).sample(range(len(rows)), min(most, len(rows)))
    return [rows[place] for place in sorted(places)]
