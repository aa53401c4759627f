"""What is claimed of how much of an exploit was shown, and how it is tested."""

from __future__ import annotations

from collections.abc import Callable

from vulngames.claims.claim import CAN, EVERY, MOST, OURS, Claim, Comparison, Variant
from vulngames.claims.comparison import GAP, compare, rise, side, sooner
from vulngames.claims.effect import STEPS, Above, Side
from vulngames.measures import Interval
from vulngames.studies.base_rate.key import EXPLOITS, Findings, Key
from vulngames.studies.summary import Cell, Summary

BaseRate = Summary[Key, Findings]
NONE, LEAST, MUCH = EXPLOITS[0], EXPLOITS[1], EXPLOITS[-1]
"""Shares that a claim speaks of; both scales have them."""


def more_seeds_where_shown(game: str) -> Callable[[BaseRate], list[Comparison]]:
    """The share of seeds that open from the shipped policy, against one that was never shown the game's exploit."""

    def compared(summary: BaseRate) -> list[Comparison]:
        shares = summary.findings.shipped.get(game)
        if shares is None or game not in summary.games:
            return [Comparison(game, reason=f"the study has no dial for {game}")]
        shown, never = (summary[_key(summary, game, share)] for share in (shares.exploit, NONE))
        return [compare(game, shown, {"never shown": never}, seeds_that_open)]

    return compared


def seeds_that_open(cell: Cell[Key]) -> Side:
    """1 for a seed that opens, and 0 for one that does not: what one run does is known."""
    answers = [run.opened for run in cell.each]
    return side([None if answer is None else Interval(answer, answer, answer) for answer in answers], (0.0, 1.0))


def learned_unshown(summary: BaseRate) -> list[Comparison]:
    """ER at the end against its start, where no use of the exploit was shown."""
    return [rise(game, summary[_key(summary, game, NONE)]) for game in _dialled(summary)]


def steps_saved(summary: BaseRate) -> list[Comparison]:
    """How many steps sooner the exploit dominates where much of it was shown than where little was."""
    comparisons = []
    for game in _dialled(summary):
        much, least = (summary[_key(summary, game, share)] for share in (MUCH, LEAST))
        comparisons.append(sooner(game, much, {"little shown": least}))
    return comparisons


def _dialled(summary: BaseRate) -> list[str]:
    return [game for game in summary.games if game in summary.findings.shipped]


def _key(summary: BaseRate, game: str, exploit: float) -> Key:
    return Key(game, exploit, summary.findings.shipped[game].rival or None)


STATISTIC = "share of seeds that open, exploit shown as shipped minus never shown"

CLAIMS = (
    Claim(
        "unshown-compliance", "ours",
        (Variant(OURS, "Compliance's exploit has to be shown to be learned.", EVERY),),
        "base-rate", STATISTIC, Above(GAP), more_seeds_where_shown("compliance-v1"), shipped=False,
    ),
    Claim(
        "unshown-tampering", "ours",
        (Variant(OURS, "Tampering's exploit has to be shown to be learned.", EVERY),),
        "base-rate", STATISTIC, Above(GAP), more_seeds_where_shown("tampering-v1"), shipped=False,
    ),
    Claim(
        "unshown-proxy", "ours",
        (Variant(OURS, "Proxy's exploit has to be shown to be learned.", EVERY),),
        "base-rate", STATISTIC, Above(GAP), more_seeds_where_shown("proxy-v1"), shipped=False,
    ),
    Claim(
        "learned-unshown", "ours",
        (Variant(OURS, "Some exploit is learned though no use of it was ever shown.", CAN),),
        "base-rate", "ER where the exploit was never shown, end minus start", Above(GAP), learned_unshown,
        shipped=False,
    ),
    Claim(
        "dose", "ours",
        (Variant(OURS, "The more of an exploit was shown, the sooner it dominates.", MOST),),
        "base-rate", "steps to domination, 0.1 % of dialogues showing it minus 10 %", STEPS, steps_saved,
        shipped=False,
    ),
)  # fmt: skip
