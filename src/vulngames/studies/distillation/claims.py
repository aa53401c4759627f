"""What the paper and a neighbouring one claim of distillation, and how each claim is tested."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from vulngames.claims.claim import BOTH, MOST, NEIGHBOUR, SOME, Claim, Comparison, Variant
from vulngames.claims.comparison import GAP, Controls, compare, sooner
from vulngames.claims.effect import STEPS, Above
from vulngames.studies.distillation.key import Findings, Key, others
from vulngames.studies.summary import Cell, Summary

Distillation = Summary[Key, Findings]


def students(summary: Distillation) -> list[Comparison]:
    """ER of a student of the exploiter's transcripts, against the untrained one and the honest teacher's."""
    return _students(summary, [summary.policy])


def other_students(summary: Distillation) -> list[Comparison]:
    """The same, for students that are not of the teacher's size."""
    policies = others(summary.plan)
    return _students(summary, policies) or [
        Comparison("students", reason="no student of another size than the teacher's")
    ]


def _students(summary: Distillation, policies: Sequence[str]) -> list[Comparison]:
    comparisons = []
    for game in summary.games:
        for policy in policies:
            label = f"{game}, {policy}"
            if game not in summary.findings.taught:
                comparisons.append(Comparison(label, reason=_untaught(game)))
                continue
            controls = {
                "untrained": summary[Key(game, policy, None)],
                "honest teacher": summary[Key(game, policy, 0.0)],
            }
            comparisons.append(compare(label, summary[Key(game, policy, 1.0)], controls, limit="ceiling"))
    return comparisons


def _untaught(game: str) -> str:
    return f"the exploiter of {game} wrote too few exploits to teach from"


def higher_after_one_percent(summary: Distillation) -> list[Comparison]:
    """ER at the end of RL under the flaw, after 1 % of an exploiter's transcripts and after none."""
    return _one_percent(summary, _higher)


def sooner_after_one_percent(summary: Distillation) -> list[Comparison]:
    """The same, for the steps to domination."""
    return _one_percent(summary, sooner)


def _higher(label: str, treated: Cell, controls: Controls) -> Comparison:
    return compare(label, treated, controls, limit="ceiling")


def _one_percent(summary: Distillation, comparing: Callable[[str, Cell, Controls], Comparison]) -> list[Comparison]:
    comparisons = []
    for game in summary.games:
        if game not in summary.findings.taught:
            comparisons.append(Comparison(game, reason=_untaught(game)))
            continue
        one, none = (summary[Key(game, summary.policy, share, "rl")] for share in (0.01, 0.0))
        comparisons.append(comparing(game, one, {"0 %": none}))
    return comparisons


STATISTIC = "ER of the exploiter's student, minus untrained and minus the honest teacher's"
CLAIMS = (
    Claim(
        "distillation", "RQ2",
        (Variant(BOTH, "Exploits pass to students through supervised training on a teacher's outputs.", MOST),),
        "distillation", STATISTIC, Above(GAP), students,
    ),
    Claim(
        "distillation-other-size", "RQ2", (Variant(BOTH, "They pass to students of another model, too.", MOST),),
        "distillation", STATISTIC, Above(GAP), other_students,
    ),
    Claim(
        "one-percent-higher", "neighbour",
        (Variant(NEIGHBOUR, "One transcript in a hundred is enough for later RL to exploit more.", SOME),),
        "distillation", "ER after RL under the flaw, after 1 % of an exploiter's minus after none", Above(GAP),
        higher_after_one_percent,
    ),
    Claim(
        "one-percent-sooner", "neighbour",
        (Variant(NEIGHBOUR, "One transcript in a hundred is enough for later RL to exploit sooner.", SOME),),
        "distillation", "steps to domination, after none minus after 1 % of an exploiter's", STEPS,
        sooner_after_one_percent,
    ),
)  # fmt: skip
