"""What the paper claims of a first exploit's effect on a second, and how each claim is tested."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

from vulngames.claims.claim import EVERY, PAPER, SOME, Claim, Comparison, Variant
from vulngames.claims.comparison import GAP, compare, sooner
from vulngames.claims.effect import STEPS, Above
from vulngames.studies.catalysis.key import Findings, Key
from vulngames.studies.summary import Cell, Summary

Catalysis = Summary[Key, Findings]
TAMPERING, SELF_GRADING = "tampering-v1", "self-grading-v1"


def second_sooner(summary: Catalysis) -> list[Comparison]:
    """How much sooner a second exploit dominates after a first, against a fresh policy and after the patched first."""
    comparisons = []
    for first, game in permutations(summary.games, 2):
        second = summary[Key(game, first, "flawed")]
        comparisons.append(sooner(f"{first} → {game}", second, _controls(summary, first, game)))
    return comparisons


def second_higher(summary: Catalysis) -> list[Comparison]:
    """ER of a second exploit after a first, against the same two and the fresh policy trained at least as long."""
    return _second_higher(summary, permutations(summary.games, 2))


def grading_after_tampering(summary: Catalysis) -> list[Comparison]:
    """The same of self-grading after tampering alone."""
    if {TAMPERING, SELF_GRADING} <= set(summary.games):
        return _second_higher(summary, [(TAMPERING, SELF_GRADING)])
    return [Comparison(f"{TAMPERING} → {SELF_GRADING}", reason="the study does not train both games")]


def _second_higher(summary: Catalysis, pairs: Iterable[tuple[str, str]]) -> list[Comparison]:
    comparisons = []
    for first, game in pairs:
        controls = {**_controls(summary, first, game), "as many steps": summary[Key(game, None, "equal steps")]}
        second = summary[Key(game, first, "flawed")]
        comparisons.append(compare(f"{first} → {game}", second, controls, limit="ceiling"))
    return comparisons


def _controls(summary: Catalysis, first: str, game: str) -> dict[str, Cell[Key]]:
    return {"fresh": summary[Key(game, None, "fresh")], "patched first": summary[Key(game, first, "patched")]}


SOURCE = "transfer catalysed by a first exploit is one of its three kinds of transfer"
FIGURE = "tampering first, then self-grading: 47.1 % against 32.8 % directly (Qwen3-4B)"
HIGHER = "ER at the end, exploit-first minus fresh, patched-first, and as many steps or more"
CLAIMS = (
    Claim(
        "catalysis-sooner", "RQ2",
        (Variant(PAPER, "A first exploit can bring a second one out sooner.", SOME, SOURCE),),
        "catalysis", "steps to domination, fresh and patched-first minus exploit-first", STEPS, second_sooner,
    ),
    Claim(
        "catalysis-higher", "RQ2",
        (Variant(PAPER, "A first exploit can make a second one more frequent.", SOME, SOURCE),),
        "catalysis", HIGHER, Above(GAP), second_higher,
    ),
    Claim(
        "tampering-then-grading", "RQ2",
        (Variant(PAPER, "Tampering learned first makes over-claiming more frequent (47 % for 33 %).", EVERY, FIGURE),),
        "catalysis", HIGHER, Above(GAP), grading_after_tampering,
    ),
)  # fmt: skip
