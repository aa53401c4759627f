"""What the paper claims of transfer, and how each claim is tested."""

from __future__ import annotations

from itertools import permutations

from vulngames.claims.claim import MOST, SOME, Claim, Comparison, Variant
from vulngames.claims.comparison import GAP, Controls, compare, same_policy
from vulngames.claims.effect import Above, Within
from vulngames.studies.summary import Summary
from vulngames.studies.transfer.key import Findings, Key

STATISTIC = "ER in a game not trained in, minus untrained and minus patched training"


def off_diagonal(summary: Summary[Key, Findings]) -> list[Comparison]:
    """ER in a game after training in another one, against the untrained policy and that game's patched training."""
    comparisons = []
    for trained, game in permutations(summary.games, 2):
        controls: Controls = {
            "untrained": same_policy(summary[Key(game, None, None)]),
            "patched first": summary[Key(game, trained, "patched")],
        }
        comparisons.append(compare(f"{trained} → {game}", summary[Key(game, trained, "flawed")], controls))
    return comparisons


CLAIMS = (
    Claim(
        "transfer", "RQ2",
        (
            Variant(
                "v1", "Exploits are general skills: learned in one game, they show in others untrained.", MOST,
                "it speaks of generalizable skills; of its figures without training (Qwen3-4B) all six off the "
                "diagonal lie at or below the untrained model's",
            ),
            Variant(
                "v2", "Exploits transfer in a structured way: into some other game.", SOME,
                "it speaks of structured but limited transfer",
            ),
        ),
        "transfer", STATISTIC, Above(GAP), off_diagonal,
    ),
    Claim(
        "transfer-limited", "RQ2",
        (
            Variant(
                "v2", "Transfer without training is limited: in most other games ER stays where it was.", MOST,
                "it speaks of structured but limited transfer",
            ),
        ),
        "transfer", STATISTIC, Within(GAP), off_diagonal,
    ),
)  # fmt: skip
