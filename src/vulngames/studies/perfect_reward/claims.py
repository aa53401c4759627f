"""What the paper claims of exploits that are not paid, and how each claim is tested."""

from __future__ import annotations

from vulngames.claims.claim import CAN, EVERY, PAPER, Claim, Comparison, Variant
from vulngames.claims.comparison import GAP, rise
from vulngames.claims.effect import Above
from vulngames.studies.perfect_reward.key import Findings, Key
from vulngames.studies.summary import Summary

PerfectReward = Summary[Key, Findings]
TAMPERING = "tampering-v1"
SOURCE = "tampering goes from 7.1 % to 74.2 % with the write unrewarded (Qwen3-4B-Base)"


def unpaid(summary: PerfectReward) -> list[Comparison]:
    """ER at the end of training by the patched rule, against its start."""
    return [_unpaid(summary, game) for game in summary.games]


def unpaid_tampering(summary: PerfectReward) -> list[Comparison]:
    """The same in tampering alone."""
    return [_unpaid(summary, TAMPERING)]


def _unpaid(summary: PerfectReward, game: str) -> Comparison:
    cell = summary.get(Key(game))
    if cell is None:
        return Comparison(game, reason=f"the study does not train {game}")
    return rise(game, cell, "ceiling")


CLAIMS = (
    Claim(
        "unpaid", "RQ1", (Variant(PAPER, "An exploit can grow although it is not paid.", CAN, SOURCE),),
        "perfect-reward", "ER of the patched arm, end minus start", Above(GAP), unpaid,
    ),
    Claim(
        "unpaid-tampering", "RQ1",
        (Variant(PAPER, "Tampering grows although it is not paid (7 % to 74 %).", EVERY, SOURCE),),
        "perfect-reward", "ER of the patched arm, end minus start", Above(GAP), unpaid_tampering,
    ),
)  # fmt: skip
