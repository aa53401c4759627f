"""The claims of arXiv 2602.12124 and of its neighbours, each with the threshold it is held to, and how they come out.

v1 and v2 are the paper's two versions, in our words; where both say the same, it stands once. The claims of a study are
in its folder; thresholds are fixed there and pinned by `tests/test_claims.py`: 0.10 of ER or ITP counts as a
difference, and less does not; of steps, any.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from vulngames.claims.claim import BOTH, EVERY, Claim, Comparison, Judged, Variant, judge_variant
from vulngames.claims.effect import STEPS
from vulngames.studies.catalogue import CATALOGUE
from vulngames.studies.summary import Summary, read_summaries


def _nothing(summary: Summary[object, object]) -> list[Comparison]:
    return []


UNSTUDIED = (
    Claim(
        "instruction-tuned", "RQ1",
        (Variant(BOTH, "Instruction-tuned policies find exploits sooner than base ones.", EVERY),),
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
    """Every variant of every claim, judged by the studies in `dirs`; those without their study are not measurable.

    Args:
        dirs: directories of finished studies, or of `study all`.

    Raises:
        UserError: a directory without a study, a damaged or foreign summary, or one study twice.
    """
    summaries = read_summaries(dirs)
    judged = []
    for claim in claims():
        for variant in claim.variants:
            judged.append(judge_variant(claim, variant, summaries.get(claim.study)))
    return judged


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
