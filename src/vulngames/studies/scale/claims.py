"""What the paper claims of larger models, and how each claim is tested."""

from __future__ import annotations

from collections.abc import Sequence

from vulngames.claims.claim import EVERY, MOST, OURS, PAPER, Claim, Comparison, Variant
from vulngames.claims.comparison import GAP, compare
from vulngames.claims.effect import Above
from vulngames.studies.scale.key import Findings, Key
from vulngames.studies.summary import Summary

Scale = Summary[Key, Findings]
COMPLIANCE = "compliance-v1"


def smaller_against_larger(summary: Scale) -> list[Comparison]:
    """ER at the end of the flawed arm of the smallest policy, against the largest's."""
    return _smaller_against_larger(summary, summary.games)


def in_compliance(summary: Scale) -> list[Comparison]:
    """The same in compliance alone."""
    return _smaller_against_larger(summary, [COMPLIANCE])


def _smaller_against_larger(summary: Scale, games: Sequence[str]) -> list[Comparison]:
    parameters = summary.findings.parameters
    # In the plan's order where they are of one size.
    sizes = sorted(dict.fromkeys(summary.plan.compared), key=lambda size: parameters[size])
    if len(sizes) < 2:
        return [Comparison("sizes", reason="one size only")]
    comparisons = []
    for game in games:
        smallest, largest = (summary.get(Key(game, "flawed", size)) for size in (sizes[0], sizes[-1]))
        if smallest is None or largest is None:
            comparisons.append(Comparison(game, reason=f"the study does not train {game}"))
        else:
            comparisons.append(compare(game, smallest, {sizes[-1]: largest}, limit="ceiling"))
    return comparisons


CLAIMS = (
    Claim(
        "scale", "RQ1",
        (
            Variant(
                OURS, "Larger models exploit less.", MOST,
                "ours: it makes a rule of the paper's one comparison, compliance at 4B and at 8B",
            ),
        ),
        "scale", "ER at the end of the flawed arm, smallest policy minus largest", Above(GAP), smaller_against_larger,
    ),
    Claim(
        "scale-compliance", "RQ1",
        (
            Variant(
                PAPER, "In compliance a larger model exploits less (25 % for 56 %).", EVERY,
                "compliance 55.8 % at 4B and 24.7 % at 8B (Qwen3)",
            ),
        ),
        "scale", "ER at the end of the flawed arm, smallest policy minus largest", Above(GAP), in_compliance,
    ),
)  # fmt: skip
