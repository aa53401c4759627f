"""The columns of the base-rate study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vulngames.games.spec import Shares
from vulngames.measures import Interval, exact
from vulngames.studies.plan import Plan

EXPLOITS = (0.0, 0.001, 0.01, 0.1)
FULL_EXPLOITS = (0.0, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)
"""Shares of a game's dialogues that show its exploit, beside the shipped one."""
RIVAL = 0.0
"""The share of its other dialogues that show the exploit's honest rival, beside the shipped one."""


@dataclass(frozen=True)
class Dose:
    """What one policy was shown in its second stage, in all games at once; None: what the shipped one was."""

    exploit: float | None = None
    rival: float | None = None


SHIPPED = Dose()


@dataclass(frozen=True)
class Key:
    """A game's flawed arm, from a policy that was shown its exploit, and the exploit's honest rival, in these shares of
    its dialogues; None where the game has no such share."""

    game: str
    exploit: float | None
    rival: float | None


@dataclass(frozen=True)
class Start:
    """What a policy of one dose does in a game before it is trained there.

    Attributes:
        exploit, rival: the dose.
        used, occasions: samples that use the exploit, of those that could; one on each of as many held-out tasks.
        itp: over the same samples.
    """

    game: str
    exploit: float | None
    rival: float | None
    used: int
    occasions: int
    itp: Interval | None

    @property
    def dose(self) -> Dose:
        return Dose(self.exploit, self.rival)

    @property
    def use(self) -> Interval | None:
        """The share of occasions on which the exploit is used, with its exact interval."""
        return exact(self.used, self.occasions)


@dataclass(frozen=True)
class Findings:
    """shipped: the shares of each game whose corpus shows its exploit; none if the plan's policy has no such corpus.
    starts: of every dose, in every game of the plan."""

    shipped: Mapping[str, Shares]
    starts: tuple[Start, ...]

    def start(self, game: str, dose: Dose) -> Start:
        """Of one dose in one game."""
        return {(start.game, start.dose): start for start in self.starts}[game, dose]


def doses(plan: Plan, shipped: Mapping[str, Shares]) -> list[Dose]:
    """What policies are shown, the least first."""
    if not shipped:
        return [SHIPPED]
    exploits = [Dose(exploit=share) for share in (FULL_EXPLOITS if plan.full else EXPLOITS)]
    return [*exploits, SHIPPED, Dose(rival=RIVAL)]


def keys_of(plan: Plan, shipped: Mapping[str, Shares], game: str) -> dict[Key, Dose]:
    """A game's cells, by what it was shown, each with the dose that does it."""
    usual = shipped.get(game)
    if usual is None:
        return {Key(game, None, None): SHIPPED}
    rival = usual.rival or None
    keys = {}
    for dose in doses(plan, shipped):
        if dose.rival is not None and rival is None:
            continue
        key = Key(
            game,
            usual.exploit if dose.exploit is None else dose.exploit,
            rival if dose.rival is None else dose.rival,
        )
        # The shipped policy is there already.
        if key not in keys or dose == SHIPPED:
            keys[key] = dose
    return keys


def lacking(plan: Plan, findings: Findings) -> str:
    """What the findings should hold and do not, in words; empty if they are whole."""
    held = [(start.game, start.dose) for start in findings.starts]
    for game in plan.games:
        for dose in doses(plan, findings.shipped):
            if held.count((game, dose)) != 1:
                return f"single start of {game} with exploit = {dose.exploit}, rival = {dose.rival}"
    return ""


def promised(plan: Plan, findings: Findings) -> list[Key]:
    """Every cell of a study, in order."""
    keys: list[Key] = []
    for game in plan.games:
        keys += keys_of(plan, findings.shipped, game)
    return keys
