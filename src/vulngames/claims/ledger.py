"""The claims of arXiv 2602.12124 and our own, each with the threshold it is held to, and how they come out.

v1 and v2 are the paper's two versions; every variant says in our words what it says, and what that rests on. The
paper's claims are judged by the paper's measures and by ours, our own by ours. The claims of a study are in its folder;
thresholds are fixed there and pinned by `tests/test_claims.py`: 0.10 of ER or ITP counts as a difference, 0.05 of an
audit rate, and less does not; of steps, any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from vulngames.claims.claim import (
    EVERY,
    NOT_MEASURABLE,
    PAPER,
    Claim,
    Comparison,
    Judged,
    Variant,
    judge_variant,
    measures_of,
)
from vulngames.claims.effect import STEPS
from vulngames.studies.catalogue import CATALOGUE
from vulngames.studies.summary import Summary, read_summaries


def _nothing(summary: Summary[object, object]) -> list[Comparison]:
    return []


UNSTUDIED = (
    Claim(
        "instruction-tuned", "RQ1",
        (
            Variant(
                PAPER, "Instruction-tuned policies find exploits sooner than base ones.", EVERY,
                "the instruction-tuned Llama is fastest, Qwen3-4B-Base slowest",
            ),
        ),
        "", "steps to domination, base minus instruction-tuned", STEPS, _nothing,
        "no study compares an instruction-tuned policy with its own base; the built-in ones are one recipe in sizes",
    ),
)  # fmt: skip
"""Claims that no study compares."""


def claims() -> Iterator[Claim]:
    """Every claim, those of a study together."""
    for entry in CATALOGUE.values():
        yield from entry.part("claims").CLAIMS
    yield from UNSTUDIED


def ledger(dirs: Sequence[Path]) -> list[Judged]:
    """Every variant of every claim by each of its measures, judged by the studies in `dirs`; those without their study
    are not measurable.

    Args:
        dirs: directories of finished studies, or of `study all`.

    Raises:
        UserError: a directory without a study, a damaged or foreign summary, or one study twice.
    """
    summaries = read_summaries(dirs)
    judged = []
    for claim in claims():
        for variant in claim.variants:
            for measures in measures_of(claim, variant):
                judged.append(judge_variant(claim, variant, summaries.get(claim.study), measures))
    return judged


def together(judged: Sequence[Judged]) -> str:
    """A sentence on how many statements stand side by side, and what that makes of their errors; empty if none was
    measured."""
    measured = [statement for statement in judged if statement.verdict != NOT_MEASURABLE]
    if not measured:
        return ""
    by_chance = sum(statement.error for statement in measured)
    return (
        f"{len(measured)} statements are judged, each at an error of 2.5 % of its own, and none is corrected for the "
        f"others: if none of them held, up to {by_chance:.1f} could be expected to come out as supported by chance"
    )


def elsewhere(judged: Sequence[Judged]) -> str:
    """A sentence on the statements whose study was not given, and what they need; empty if there are none."""
    counts = Counter(statement.study for statement in judged if not statement.given)
    if not counts:
        return ""
    unstudied = counts.pop("", 0)
    needs = [f"{study} ({count})" for study, count in counts.items()]
    if unstudied:
        needs.append(f"a study that does not exist ({unstudied})")
    return (
        f"{counts.total() + unstudied} other statements are not judged by what was given; they need {', '.join(needs)}"
    )
