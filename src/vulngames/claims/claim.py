"""A claim: what is said, the statistic and the threshold that stand for it, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from vulngames.claims.effect import (
    CONTRADICTED,
    INCONCLUSIVE,
    SUPPORTED,
    Decision,
    Effect,
    Target,
    deciding,
    runs_of,
    shown,
    verdict,
)
from vulngames.measures import Interval
from vulngames.studies.summary import Summary

NOT_MEASURABLE = "not measurable"
BOTH, PAPER, OURS = "v1 and v2", "the paper", "ours"
"""By whom a claim is made, where it is not one version of the paper alone: both versions; a figure that was reported of
the paper, whose version is not known to us; or nobody but this project."""
ONE_SEED = "fewer than two seeds in which both sides were measured, and it speaks of the mean over seeds"
Truth = Literal["mean over seeds", "single run"]
Measures = Literal["paper", "ours"]
"""By whose definitions ITP and ER are measured."""


@dataclass(frozen=True)
class Quantifier:
    """How many of m cells a variant speaks of, measured or not; `words` is put before "of m". One cell is not most.

    Attributes:
        truth: what has to reach the target in so many cells: the mean over all seeds there could be, or the effect in
            some run that was made, against the same seed of each control.
    """

    words: str
    count: Callable[[int], int]
    truth: Truth = "mean over seeds"


EVERY = Quantifier("all", lambda m: m)
NEARLY = Quantifier("all but one in four", lambda m: max(2, m - m // 4))
MOST = Quantifier("more than half", lambda m: max(2, m // 2 + 1))
SEVERAL = Quantifier("two or more", lambda m: 2)
SOME = Quantifier("one or more", lambda m: 1)
CAN = Quantifier("one or more", lambda m: 1, "single run")
"""Something can happen: one run in which it does shows that, and no number of runs shows that it cannot."""


@dataclass(frozen=True)
class Variant:
    """Who says it (`v1`, `v2`, `BOTH`, `PAPER`, `OURS`), what it says in our words, and of how many cells.

    Attributes:
        source: what the paper reported or said, with its figure; or how we come to say it.
    """

    by: str
    says: str
    quantifier: Quantifier
    source: str = "ours"

    @property
    def measures(self) -> tuple[Measures, ...]:
        """By whose measures it is judged: the paper's claims by the paper's and by ours, and ours by ours."""
        return ("ours",) if self.by == OURS else ("paper", "ours")


@dataclass(frozen=True)
class Comparison:
    """One comparison: an effect against each of its controls, or none and the reason why nothing was compared.

    With both, the reason says why the cell cannot support the claim, though it can fail it.
    """

    label: str
    effects: tuple[Effect, ...] = ()
    reason: str = ""

    @property
    def evaluable(self) -> bool:
        """Whether it can support the claim."""
        return bool(self.effects) and not self.reason


@dataclass(frozen=True)
class Claim:
    """A statement that can be tested.

    Attributes:
        question: the paper's research question it belongs to, or what else asks it.
        variants: the same claim as several say it; they are judged on the same cells.
        study: whose summary holds its cells; empty if no study compares it, and `missing` says why.
        statistic: what is measured, in words.
        target: what a cell's effects have to reach, fixed here before any run is judged.
        compare: the cells, from the study's summary.
        note: what to bear in mind whatever the verdict is.
        shipped: whether built-in policies of its cells were shown exploits in pretraining as the package's own were.
    """

    id: str
    question: str
    variants: tuple[Variant, ...]
    study: str
    statistic: str
    target: Target
    compare: Callable[[Any], list[Comparison]]
    missing: str = ""
    note: str = ""
    shipped: bool = True


@dataclass(frozen=True)
class JudgedComparison:
    """One cell alone: what its verdict rests on, with an interval that holds for all cells together; see `Judged`."""

    label: str
    control: str
    mean: float | None
    lo: float | None
    hi: float | None
    verdict: str
    reason: str


@dataclass(frozen=True)
class Judged:
    """A variant of a claim, judged. Plain fields: `dataclasses.asdict` gives what JSON holds.

    Attributes:
        by, says, source: whose variant, what it says, in our words, and what it rests on.
        measures: by whose definitions of ITP and ER, `paper` or `ours`.
        truth: what has to reach the threshold, `mean over seeds` or `single run`.
        threshold: what every cell had to reach, and how many cells.
        verdict: supported, contradicted, inconclusive, or not measurable.
        error: how often it may be supported where it does not hold, and how often contradicted where it does.
        reason: why nothing was compared; else how many cells, or runs, passed.
        cell, control, mean, lo, hi: the cell that decides, and the effect that the verdict rests on: against the
            control it is weakest against, or one that it fails by.
        level: of that interval, in percent, two-sided; at least 95; more where cells or runs share it.
        correction: how they share it, in words.
        cells: every cell; their intervals hold together, and a cell's verdict is its own.
        seeds: training seeds in a cell.
        note: what a verdict does not say; empty where there is none.
        given: whether its study is among those that were given.
    """

    id: str
    question: str
    by: str
    says: str
    source: str
    measures: Measures
    study: str
    statistic: str
    truth: Truth
    threshold: str
    error: float
    verdict: str
    reason: str
    cell: str
    control: str
    mean: float | None
    lo: float | None
    hi: float | None
    level: float | None
    correction: str
    cells: tuple[JudgedComparison, ...]
    seeds: int
    note: str
    given: bool


def measures_of(claim: Claim, variant: Variant) -> tuple[Measures, ...]:
    """By whose measures a variant is judged; when an exploit comes, in steps, is told by ours alone."""
    return ("ours",) if claim.target.unit or not claim.study else variant.measures


def judge_variant(claim: Claim, variant: Variant, summary: Summary | None, measures: Measures = "ours") -> Judged:
    """Judge one variant by a study's summary, or by its absence."""
    cells: list[Comparison] = []
    if summary:
        cells = claim.compare(summary.by_paper() if measures == "paper" else summary)
    if variant.quantifier.truth == "single run":
        ruling = _by_a_run(claim, cells, _seeds(summary))
    else:
        cells = [_of_two_seeds(cell) for cell in cells]
        ruling = _by_means(claim, cells, variant.quantifier.count(len(cells)))
    if ruling.decision is None and summary is None:
        ruling = _Ruling(claim.missing or f"no such study in what was given: {claim.study}")
    return _judged(claim, variant, summary, measures, cells, ruling)


@dataclass(frozen=True)
class _Ruling:
    """How a variant came out, and the cells alone; without a decision it is not measurable, and the reason why."""

    reason: str
    decision: Decision | None = None
    cells: tuple[JudgedComparison, ...] = ()


def _of_two_seeds(cell: Comparison) -> Comparison:
    """The cell itself, or one that says that one seed tells nothing of how much seeds differ."""
    counts = [len(effect.seeds) for effect in cell.effects]
    # An effect without seeds of its own, such as where a curve falls, counts for itself.
    return Comparison(cell.label, reason=ONE_SEED) if 1 in counts else cell


def _seeds(summary: Summary | None) -> Sequence[int]:
    """The training seeds of every cell, in their order."""
    return summary.plan.seed_range if summary else ()


def _by_a_run(claim: Claim, cells: Sequence[Comparison], seeds: Sequence[int]) -> _Ruling:
    usable = [cell.effects if cell.evaluable else () for cell in cells]
    decision = shown(claim.target, usable)
    runs = sum(len(runs_of(effects)) for effects in usable)
    alone = []
    for cell, effects in zip(cells, usable, strict=True):
        own = shown(claim.target, [effects], runs)
        alone.append(_unmeasured(cell) if own is None else _alone(claim, cell, own, seeds))
    if decision is None:
        return _Ruling(_why_not(cells, 1), cells=tuple(alone))
    reached = [cell.verdict for cell in alone].count(SUPPORTED)
    reason = f"a run reaches it by itself in {reached} of {len(cells)} cells, of {runs} runs looked at"
    if decision.answer != SUPPORTED:
        reason = f"none of {runs} runs reaches it by itself, which does not show that none would"
    return _Ruling(reason, decision, tuple(alone))


def _by_means(claim: Claim, cells: Sequence[Comparison], need: int) -> _Ruling:
    evaluable = [cell for cell in cells if cell.evaluable]
    alone = _alone_by_means(claim, cells)
    decision = _answer(claim.target, evaluable, need, cells)
    if decision is None or decision.answer != SUPPORTED:
        against = _answer(claim.target, [cell for cell in cells if cell.effects], need, cells)
        if against is not None and against.answer == CONTRADICTED:
            decision = against
    if decision is None or (decision.answer == INCONCLUSIVE and need > len(evaluable)):
        return _Ruling(_why_not(cells, need), cells=alone)
    passed = [cell.verdict for cell in alone].count(SUPPORTED)
    reason = f"{passed} of {len(evaluable)} cells reach it by themselves"
    if len(evaluable) < len(cells):
        reason += f"; {len(cells) - len(evaluable)} more could not be measured"
    return _Ruling(reason, decision, alone)


def _answer(target: Target, among: Sequence[Comparison], need: int, cells: Sequence[Comparison]) -> Decision | None:
    """The verdict by some of the cells, and which of all `cells` decides; None if there are too few for any."""
    if not among or need > len(cells):
        return None
    unmeasured = len(cells) - len(among)
    decision = verdict(target, [cell.effects for cell in among], need, unmeasured=unmeasured)
    return Decision(decision.answer, cells.index(among[decision.cell]), decision.alpha)


def _why_not(cells: Sequence[Comparison], need: int) -> str:
    reasons = list(dict.fromkeys(cell.reason for cell in cells if cell.reason))
    few = [f"fewer comparisons than the {need} it speaks of"] if any(cell.evaluable for cell in cells) else []
    return "; ".join(few + reasons) or "the study holds no cell to compare"


def _alone_by_means(claim: Claim, cells: Sequence[Comparison]) -> tuple[JudgedComparison, ...]:
    """Every cell alone, at an alpha divided by the number of measured ones (Bonferroni)."""
    m = max(1, sum(bool(cell.effects) for cell in cells))
    alone = []
    for cell in cells:
        if not cell.effects:
            alone.append(_unmeasured(cell))
            continue
        decision = verdict(claim.target, [cell.effects], 1, m)
        hidden = cell.reason and decision.answer != CONTRADICTED
        alone.append(_unmeasured(cell) if hidden else _alone(claim, cell, decision))
    return tuple(alone)


def _unmeasured(cell: Comparison) -> JudgedComparison:
    return JudgedComparison(cell.label, "", None, None, None, NOT_MEASURABLE, cell.reason)


def _alone(claim: Claim, cell: Comparison, decision: Decision, seeds: Sequence[int] = ()) -> JudgedComparison:
    effect, interval = deciding(claim.target, cell.effects, decision)
    label = _label(cell, decision, seeds)
    return JudgedComparison(label, effect.control, interval.mean, interval.lo, interval.hi, decision.answer, "")


def _label(cell: Comparison, decision: Decision, seeds: Sequence[int]) -> str:
    return cell.label if decision.seed is None else f"{cell.label}, seed {seeds[decision.seed]}"


def _judged(
    claim: Claim,
    variant: Variant,
    summary: Summary | None,
    measures: Measures,
    cells: Sequence[Comparison],
    ruling: _Ruling,
) -> Judged:
    quantifier, decision = variant.quantifier, ruling.decision
    threshold = f"{claim.target} in the {quantifier.truth}, in {quantifier.words}"
    if quantifier.truth == "single run":
        threshold = f"{claim.target} in a single run, in {quantifier.words}"
    interval: Interval | None = None
    cell = control = ""
    if decision:
        effect, interval = deciding(claim.target, cells[decision.cell].effects, decision)
        cell, control = _label(cells[decision.cell], decision, _seeds(summary)), effect.control
    return Judged(
        id=claim.id,
        question=claim.question,
        by=variant.by,
        says=variant.says,
        source=variant.source,
        measures=measures,
        study=claim.study,
        statistic=claim.statistic,
        truth=quantifier.truth,
        threshold=threshold + (f" of {len(cells)} cells" if cells else ""),
        error=claim.target.alpha,
        verdict=decision.answer if decision else NOT_MEASURABLE,
        reason=ruling.reason,
        cell=cell,
        control=control,
        mean=None if interval is None else interval.mean,
        lo=None if interval is None else interval.lo,
        hi=None if interval is None else interval.hi,
        level=None if decision is None else 100 * (1 - 2 * decision.alpha),
        correction=_correction(quantifier, cells),
        cells=ruling.cells,
        seeds=summary.seeds if summary else 0,
        note=_note(claim, summary, decision) if summary else "",
        given=summary is not None,
    )


def _correction(quantifier: Quantifier, cells: Sequence[Comparison]) -> str:
    m = len(cells)
    if quantifier.truth == "single run":
        runs = sum(len(runs_of(cell.effects)) for cell in cells if cell.evaluable)
        return "" if runs < 2 else f"Bonferroni, {runs} runs"
    return "" if m < 2 else f"partial conjunction, {quantifier.count(m)} of {m} cells"


def _note(claim: Claim, summary: Summary, decision: Decision | None) -> str:
    notes = [claim.note] if claim.note else []
    if decision is not None and decision.answer != INCONCLUSIVE:
        notes.append(_organism(summary, claim.shipped))
    return " ".join(notes)


def _organism(summary: Summary, shipped: bool) -> str:
    sizes = [f"{size:,}" for size in summary.parameters]
    of = f"{', '.join(sizes)} parameters" if sizes else "a size that its files do not record"
    # The built-in policies are pretrained on texts of which a few use the holes.
    planted = ", which had seen the exploit in a small share of its pretraining"
    if not shipped or not _built_in(summary):
        planted = ""
    return f"This is a model organism of {of}{planted}; of larger policies it says nothing."


def _built_in(summary: Summary) -> bool:
    return summary.policy.partition(":")[0] == "tiny"
