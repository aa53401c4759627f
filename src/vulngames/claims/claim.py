"""A claim: what is said, the statistic and the threshold that stand for it, and how it is judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from vulngames.claims.effect import CONTRADICTED, INCONCLUSIVE, SUPPORTED, Answer, Effect, Target, deciding, verdict
from vulngames.measures import Interval
from vulngames.studies.summary import Summary

NOT_MEASURABLE = "not measurable"
BOTH, NEIGHBOUR = "v1 and v2", "a neighbouring paper"
"""By whom a claim is made, where it is not one version of the paper alone."""


@dataclass(frozen=True)
class Quantifier:
    """How many of m cells a variant speaks of, measured or not; `words` is put before "of m". One cell is not most."""

    words: str
    count: Callable[[int], int]


EVERY = Quantifier("all", lambda m: m)
NEARLY = Quantifier("all but one in four", lambda m: max(2, m - m // 4))
MOST = Quantifier("more than half", lambda m: max(2, m // 2 + 1))
SEVERAL = Quantifier("two or more", lambda m: 2)
SOME = Quantifier("one or more", lambda m: 1)


@dataclass(frozen=True)
class Variant:
    """Who says it (`v1`, `v2`, or a neighbouring paper), what it says in our words, and of how many cells."""

    by: str
    says: str
    quantifier: Quantifier


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
    """

    id: str
    question: str
    variants: tuple[Variant, ...]
    study: str
    statistic: str
    target: Target
    compare: Callable[[Any], list[Comparison]]
    missing: str = ""


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
        by, says: whose variant, and what it says, in our words.
        threshold: what every cell had to reach, and how many cells.
        verdict: supported, contradicted, inconclusive, or not measurable.
        reason: why nothing was compared; else how many cells passed.
        cell, control, mean, lo, hi: the cell that decides, and the effect that the verdict rests on: against the
            control it is weakest against, or one that it fails by.
        level: of that interval, in percent, two-sided; at least 95, or 90 for equivalence; more where cells share it.
        correction: how they share it, in words.
        cells: every cell; their intervals hold together, and a cell's verdict is its own.
        seeds: training seeds in a cell.
        note: what a verdict against the claim does not say; empty otherwise.
        given: whether its study is among those that were given.
    """

    id: str
    question: str
    by: str
    says: str
    study: str
    statistic: str
    threshold: str
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


def judge_variant(claim: Claim, variant: Variant, summary: Summary | None) -> Judged:
    """Judge one variant by a study's summary, or by its absence."""
    cells = claim.compare(summary) if summary else []
    evaluable = [cell for cell in cells if cell.evaluable]
    need = variant.quantifier.count(len(cells))
    result = _answer(claim.target, evaluable, need, cells)
    if result is None or result[0] != SUPPORTED:
        against = _answer(claim.target, [cell for cell in cells if cell.effects], need, cells)
        if against is not None and against[0] == CONTRADICTED:
            result = against
    if result is None or (result[0] == INCONCLUSIVE and need > len(evaluable)):
        return _judged(claim, variant, summary, NOT_MEASURABLE, _why_not(claim, summary, cells, need), cells)
    answer, cell, alpha = result
    effect = deciding(claim.target, cell.effects, answer, alpha)
    passed = [alone.verdict for alone in _cells(claim, cells)].count(SUPPORTED)
    reason = f"{passed} of {len(evaluable)} cells reach it by themselves"
    if len(evaluable) < len(cells):
        reason += f"; {len(cells) - len(evaluable)} more could not be measured"
    return _judged(claim, variant, summary, answer, reason, cells, cell.label, effect.control, effect.at(alpha), alpha)


def _answer(
    target: Target, among: Sequence[Comparison], need: int, cells: Sequence[Comparison]
) -> tuple[Answer, Comparison, float] | None:
    """The verdict by some of the cells, the one that decides, and the alpha of its interval; None if there are too few
    for any."""
    if not among or need > len(cells):
        return None
    unmeasured = len(cells) - len(among)
    answer, decides, alpha = verdict(target, [cell.effects for cell in among], need, unmeasured=unmeasured)
    return answer, among[decides], alpha


def _why_not(claim: Claim, summary: Summary | None, cells: Sequence[Comparison], need: int) -> str:
    if summary is None:
        return claim.missing or f"no such study in what was given: {claim.study}"
    reasons = list(dict.fromkeys(cell.reason for cell in cells if cell.reason))
    few = [f"fewer comparisons than the {need} it speaks of"] if any(cell.evaluable for cell in cells) else []
    return "; ".join(few + reasons) or "the study holds no cell to compare"


def _cells(claim: Claim, cells: Sequence[Comparison]) -> tuple[JudgedComparison, ...]:
    """Every cell alone, at an alpha divided by the number of measured ones (Bonferroni)."""
    m = max(1, sum(bool(cell.effects) for cell in cells))

    def alone(cell: Comparison) -> JudgedComparison:
        if not cell.effects:
            return JudgedComparison(cell.label, "", None, None, None, NOT_MEASURABLE, cell.reason)
        answer, _, alpha = verdict(claim.target, [cell.effects], 1, m)
        if cell.reason and answer != CONTRADICTED:
            return JudgedComparison(cell.label, "", None, None, None, NOT_MEASURABLE, cell.reason)
        effect = deciding(claim.target, cell.effects, answer, alpha)
        interval = effect.at(alpha)
        return JudgedComparison(cell.label, effect.control, interval.mean, interval.lo, interval.hi, answer, "")

    return tuple(alone(cell) for cell in cells)


def _judged(
    claim: Claim,
    variant: Variant,
    summary: Summary | None,
    answer: str,
    reason: str,
    cells: Sequence[Comparison],
    cell: str = "",
    control: str = "",
    interval: Interval | None = None,
    alpha: float | None = None,
) -> Judged:
    m = len(cells)
    shared = "" if m < 2 else f"partial conjunction, {variant.quantifier.count(m)} of {m} cells"
    threshold = f"{claim.target} in {variant.quantifier.words}" + (f" of {m} cells" if cells else "")
    return Judged(
        id=claim.id,
        question=claim.question,
        by=variant.by,
        says=variant.says,
        study=claim.study,
        statistic=claim.statistic,
        threshold=threshold,
        verdict=answer,
        reason=reason,
        cell=cell,
        control=control,
        mean=None if interval is None else interval.mean,
        lo=None if interval is None else interval.lo,
        hi=None if interval is None else interval.hi,
        level=None if alpha is None else 100 * (1 - 2 * alpha),
        correction=shared,
        cells=_cells(claim, cells),
        seeds=summary.seeds if summary else 0,
        note=_note(summary) if answer == CONTRADICTED and summary else "",
        given=summary is not None,
    )


def _note(summary: Summary) -> str:
    sizes = [f"{size:,}" for size in summary.parameters]
    of = f"{', '.join(sizes)} parameters" if sizes else "a size that its files do not record"
    return f"This is a model organism of {of}; of larger policies it says nothing."
