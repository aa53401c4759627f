"""The columns of the correction study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Literal

from vulngames.measures import Interval
from vulngames.studies.plan import Plan

Origin = Literal["rl", "sft", "never", "fresh"]
"""What made the exploiter: RL, or SFT on its transcripts; or a policy that never exploited, or the fresh one."""
Method = Literal["patched rule", "honest transcripts"]
Stage = Literal["patched rule", "honest transcripts", "relapse"]
"""A method of correction; or training under the flaw again."""
METHODS: tuple[Method, ...] = ("patched rule", "honest transcripts")
CORRECTED: tuple[Origin, ...] = ("rl", "sft", "never")
EXPLOITERS: tuple[Origin, ...] = ("rl", "sft")


@dataclass(frozen=True)
class Key:
    """A policy at one stage in a game."""

    game: str
    origin: Origin
    stage: Stage


@dataclass(frozen=True)
class Pair:
    """ER of two exploiters of one seed, and the share of exploits that the second was taught; None: not measurable."""

    rl: float | None
    sft: float | None
    share: float


@dataclass(frozen=True)
class Match:
    """How far a game's two exploiters differ in ER, in the seed where it is most; None: there was none to correct, or
    it could not be measured."""

    game: str
    gap: float | None
    matched: bool
    pairs: tuple[Pair, ...]


@dataclass(frozen=True)
class Recovery:
    """What a correction did, one entry per seed: steps until ER stays low (None: not within them), the deepest ITP, and
    whether it ends as cured; and ER at the end over seeds."""

    game: str
    origin: Origin
    stage: Method
    cured_step: tuple[int | None, ...]
    lowest_itp: tuple[float | None, ...]
    cured: tuple[bool, ...]
    er_left: Interval | None


@dataclass(frozen=True)
class Findings:
    """relapse_after: by which method those were corrected that are then trained under the flaw again, for each game
    that had exploiters to correct."""

    matches: tuple[Match, ...]
    recoveries: tuple[Recovery, ...]
    relapse_after: Mapping[str, Method]

    def match(self, game: str) -> Match:
        """Of one game."""
        return next(match for match in self.matches if match.game == game)

    def recovery(self, game: str, origin: Origin, method: Method) -> Recovery:
        """Of one policy by one method."""
        recoveries = {(recovery.game, recovery.origin, recovery.stage): recovery for recovery in self.recoveries}
        return recoveries[game, origin, method]


def lacking(plan: Plan, findings: Findings) -> str:
    """What the findings should hold and do not, in words; empty if they are whole."""
    seeds = len(plan.seed_range)
    matched = [match.game for match in findings.matches]
    for game in plan.games:
        if matched.count(game) != 1:
            return f"single match of {game}"
        pairs = findings.match(game).pairs
        if len(pairs) != (seeds if game in findings.relapse_after else 0):
            return f"relapse_after of {game} that goes with the pairs of its match"
    recovered = [(recovery.game, recovery.origin, recovery.stage) for recovery in findings.recoveries]
    for game, origin, method in product(findings.relapse_after, CORRECTED, METHODS):
        if recovered.count((game, origin, method)) != 1:
            return f"single recovery of {game}, {origin}, {method}"
        recovery = findings.recovery(game, origin, method)
        if {len(recovery.cured_step), len(recovery.lowest_itp), len(recovery.cured)} != {seeds}:
            return f"recovery of {game}, {origin}, {method} in every seed"
    return ""


def promised(plan: Plan, findings: Findings) -> list[Key]:
    """Every cell of a study, in order."""
    games = [game for game in plan.games if game in findings.relapse_after]
    keys = [Key(game, origin, method) for method, game, origin in product(METHODS, games, CORRECTED)]
    keys += [Key(game, origin, "relapse") for game, origin in product(games, CORRECTED)]
    return keys + [Key(game, "fresh", "relapse") for game in games]
