"""What the paper and the closed form claim of audits, and how each claim is tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vulngames.claims.claim import BOTH, EVERY, Claim, Comparison, Variant
from vulngames.claims.comparison import GAP, compare, er_end, whole
from vulngames.claims.effect import Above, Effect, Within, paired
from vulngames.measures import Interval
from vulngames.studies.audit_rate.key import Crossing, Curve, Findings, Key
from vulngames.studies.summary import Cell, Summary

AuditRate = Summary[Key, Findings]
INEVITABLE = 1 / 7
"""The audit rate below which claiming to be right always pays, by the rule of self-grading."""
USUAL, CENTRED, CERTAIN = Curve(None, True), Curve(None, False), Curve(1.0, True)
NO_CROSSING = "over-claiming does not fall through one half between the audit rates tried"


def claimed_below(summary: AuditRate) -> list[Comparison]:
    """Unannounced: ER above one half at every audit rate below 1/7."""
    comparisons = []
    for cell in _curve(summary, USUAL):
        if cell.key.audit_rate < INEVITABLE:
            comparisons.append(whole(_label(cell), [paired("one half", er_end(cell), _half(cell))]))
    return comparisons


def claimed_where_all_is_audited(summary: AuditRate) -> list[Comparison]:
    """Unannounced: one half above ER where every report is audited."""
    comparisons = []
    for cell in _curve(summary, USUAL):
        if cell.key.audit_rate == 1:
            comparisons.append(whole(_label(cell), [paired("one half", _half(cell), er_end(cell))]))
    return comparisons


def _curve(summary: AuditRate, curve: Curve) -> list[Cell[Key]]:
    cells = [cell for key, cell in summary.cells.items() if key.curve == curve]
    return sorted(cells, key=lambda cell: cell.key.audit_rate)


def _label(cell: Cell[Key]) -> str:
    return f"audit rate {cell.key.audit_rate:g}"


def _half(cell: Cell[Key]) -> Sequence[Interval]:
    return [Interval(0.5, 0.5, 0.5) for _ in cell.each]


def crossing_near(name: str, expected: Callable[[Crossing], float | None]) -> Callable[[AuditRate], list[Comparison]]:
    """Where over-claiming falls through one half, unannounced, minus where it is expected to; its interval is the
    study's."""

    def comparing(summary: AuditRate) -> list[Comparison]:
        usual = summary.findings.crossing(USUAL)
        place = expected(usual)
        if usual.crossing is None:
            return [Comparison(name, reason=NO_CROSSING)]
        if place is None:
            return [Comparison(name, reason="the study does not say where the closed form has it")]
        return [Comparison(name, (Effect(name, (usual.crossing - Interval(place, place, place),)),))]

    return comparing


def normalized_crossing(summary: AuditRate) -> list[Comparison]:
    """Where over-claiming falls through one half if advantages are divided by their spread, minus if only centred."""
    usual, centred = (summary.findings.crossing(curve).crossing for curve in (USUAL, CENTRED))
    if usual is None or centred is None:
        return [Comparison("crossing", reason=NO_CROSSING)]
    return [Comparison("crossing", (Effect("centred only", (usual - centred,)),))]


def announced(summary: AuditRate) -> list[Comparison]:
    """ER where every report is said to be audited, against ER unannounced, at audit rates of 0 and 0.1."""
    comparisons = []
    for rate in (0.0, 0.1):
        certain, usual = (summary[Key(rate, curve.announced_rate, curve.normalized)] for curve in (CERTAIN, USUAL))
        comparisons.append(compare(f"audit rate {rate:g}", certain, {"not announced": usual}, limit="floor"))
    return comparisons


CLAIMS = (
    Claim(
        "audits-too-rare", "RQ1", (Variant(BOTH, "Below an audit rate of 1/7 over-claiming dominates.", EVERY),),
        "audit-rate", "ER at the end, unannounced, minus one half, at every rate below 1/7", Above(0.0), claimed_below,
    ),
    Claim(
        "audits-of-all", "RQ1", (Variant(BOTH, "With every report audited over-claiming does not dominate.", EVERY),),
        "audit-rate", "one half minus ER at the end, unannounced, at a rate of 1", Above(0.0),
        claimed_where_all_is_audited,
    ),
    Claim(
        "audit-crossing", "ours",
        (Variant("the closed form", "Over-claiming stops dominating near an audit rate of 1/7.", EVERY),),
        "audit-rate", "the rate where ER falls through one half, minus 1/7", Within(GAP),
        crossing_near("1/7", lambda _: INEVITABLE),
    ),
    Claim(
        "audit-crossing-able", "ours",
        (Variant("the closed form", "It stops dominating where it stops paying for an average answer.", EVERY),),
        "audit-rate", "the rate where ER falls through one half, minus 1 / (7 − 7.5 × right answers)", Within(GAP),
        crossing_near("closed form", lambda crossing: crossing.expected),
    ),
    Claim(
        "audit-normalized", "ours",
        (Variant("ours", "Normalising advantages by their group's spread raises the rate that it takes.", EVERY),),
        "audit-rate", "the rate where ER falls through one half, advantages normalised minus only centred", Above(0.0),
        normalized_crossing,
    ),
    Claim(
        "announcing", "RQ1",
        (Variant(BOTH, "Announcing audits that do not come leaves over-claiming where it was.", EVERY),),
        "audit-rate", "ER at the end, certain audits announced minus none, at rates of 0 and 0.1", Above(-GAP),
        announced,
    ),
)  # fmt: skip
