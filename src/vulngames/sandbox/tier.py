"""Which layers this machine lets stand between submitted code and itself."""

import functools
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from vulngames.errors import UserError
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.worker import TierRefusedError, Worker, WorkerLostError

TIERS = ("T3", "T2", "T1", "T0")
"""Strongest first; T0 is a process with limits, and holds nothing against code that wants out."""

ALLOW_UNSANDBOXED = "VULNGAMES_ALLOW_UNSANDBOXED"
"""The environment variable that, set to 1, lets code run at T0 where nothing better can be had."""

COSTS = {
    "namespaces": "names, sizes and dates of files can be seen (T2), and one wall fewer hides network and processes",
    "landlock": "nothing but the standard library imported beforehand can be imported, since no file can be opened",
    "seccomp": "submitted code can use the network, start programs, and attack the kernel by any system call",
    "capability_drop": "submitted code can undo other layers where this process may",
    "uid_drop": "submitted code has the user id of this process, so file permissions do not hold it",
}
"""What it costs that a layer is missing while others stand."""

UNHELD = "nothing holds submitted code: it can do whatever the user who runs it can"
"""What it costs that none stands."""


@dataclass(frozen=True)
class Standing:
    """What holds submitted code."""

    tier: str
    layers: tuple[str, ...]
    """What a running zygote said it has put up; at T0 what it would."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """For each stronger tier, why it cannot be had here."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The layers of `COSTS` that are not in force."""
        return tuple(name for name in COSTS if name not in self.layers)

    @property
    def costs(self) -> tuple[str, ...]:
        """What it costs that layers are missing, a sentence each."""
        if self.tier == "T0":
            return (UNHELD,)
        return tuple(f"without {name}, {COSTS[name]}" for name in self.missing)


@functools.cache
def probe() -> Standing:
    """Try the tiers, strongest first, and return the first that this machine offers.

    Done once in a process, which keeps to the answer, so that all its records mean the same.
    """
    refused: dict[str, str] = {}
    for tier in TIERS if sys.platform == "linux" else ():
        try:
            return Standing(tier, _layers_of(tier), refused)
        except TierRefusedError as error:
            refused[tier] = str(error)
        except WorkerLostError as error:
            # Whatever went wrong, it is not known that the tier cannot be had: to go on below it would be a guess.
            refused[tier] = f"not known, it failed twice: {error}"
            return Standing("none", (), refused)
    return Standing("none", (), refused)


def _layers_of(tier: str) -> tuple[str, ...]:
    try:
        return layers_of(tier)
    except TierRefusedError:
        raise
    except WorkerLostError:
        return layers_of(tier)


def layers_of(tier: str) -> tuple[str, ...]:
    """Start a zygote at a tier, have a child run in it, and return the layers it says it has put up.

    Raises WorkerLostError if this machine does not offer the tier.
    """
    worker = Worker(tier)
    try:
        worker.try_out(Limits())
        return worker.layers
    finally:
        worker.close()


def standing(tier: str | None, allow_unsandboxed: bool) -> Standing:
    """Return what will hold submitted code at `tier`, or at the best there is.

    Raises UserError if the tier cannot be had, or is T0 without leave.
    """
    if tier is not None and tier not in TIERS:
        raise UserError(f"unknown tier {tier!r}; valid: {', '.join(TIERS)}")
    found = probe() if tier is None else _forced(tier)
    if found.tier == "none":
        why = "; ".join(f"{tier}: {reason}" for tier, reason in found.refused.items()) or f"{sys.platform} is not Linux"
        raise UserError(f"no sandbox can be started here ({why}); valid: a Linux machine where one tier of it stands")
    if found.tier == "T0" and not (allow_unsandboxed or os.environ.get(ALLOW_UNSANDBOXED) == "1"):
        why = f" ({found.refused['T1']})" if "T1" in found.refused else ""
        raise UserError(
            f"no layer of the sandbox stands at tier T0{why}, so submitted code could do whatever you can; "
            f"{ALLOW_UNSANDBOXED}=1, or allow_unsandboxed=True, runs it all the same"
        )
    return found


@functools.cache
def _forced(tier: str) -> Standing:
    try:
        return Standing(tier, _layers_of(tier))
    except WorkerLostError as error:
        raise UserError(f"tier {tier} cannot be had here: {error}") from error
