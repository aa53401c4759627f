"""Which layers this machine can enforce between submitted code and itself."""

import functools
import os
import platform
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

from vulngames.errors import UserError
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.worker import TierRefusedError, Worker, WorkerLostError

TIERS = ("T3", "T2", "T1", "T0")
"""Strongest first; T0 is a process with limits, and does not confine code that wants out."""

ALLOW_UNSANDBOXED = "VULNGAMES_ALLOW_UNSANDBOXED"
"""The environment variable that, set to 1, lets code run at T0 where nothing better is available."""

COSTS = {
    "namespaces": "names, sizes and dates of files can be seen (T2), and one wall fewer hides network and processes",
    "landlock": "nothing but the standard library imported beforehand can be imported, since no file can be opened",
    "seccomp": "submitted code can use the network, start programs, and attack the kernel by any system call",
    "capability_drop": "submitted code can undo other layers where this process may",
    "uid_drop": "submitted code has the user id of this process, so file permissions do not stop it",
}
"""What it costs that a layer is missing while others are enforced."""

UNCONFINED = "nothing confines submitted code: it can do whatever the user who runs it can"
"""What it costs that none is enforced."""


@dataclass(frozen=True)
class TierStatus:
    """What is enforced on submitted code."""

    tier: str
    layers: tuple[str, ...]
    """The layers that a running zygote reported as enforced."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """For each stronger tier, why it is not available here."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The layers of `COSTS` that are not enforced."""
        return tuple(name for name in COSTS if name not in self.layers)

    @property
    def costs(self) -> tuple[str, ...]:
        """What it costs that layers are missing, a sentence each."""
        if self.tier == "T0":
            return (UNCONFINED,)
        return tuple(f"without {name}, {COSTS[name]}" for name in self.missing)

    def describe(self) -> dict[str, object]:
        """Return what a record of results should say of the sandbox behind them, as JSON values."""
        return {
            "tier": self.tier,
            "layers": list(self.layers),
            "missing": list(self.missing),
            "refused": dict(self.refused),
            "python": platform.python_version(),
            "platform": f"{sys.platform}-{platform.machine()}",
        }

    def warn(self) -> None:
        """Say once per process and tier what is not enforced on submitted code; at T3 there is nothing to say."""
        if self.tier != "T3":
            _warn(self.tier, self.costs)


@functools.cache
def _warn(tier: str, costs: tuple[str, ...]) -> None:
    warnings.warn(f"vulngames.sandbox runs at tier {tier}: {'; '.join(costs)}", UserWarning, stacklevel=3)


@functools.cache
def probe() -> TierStatus:
    """Try the tiers, strongest first, and return the first that this machine offers; tier "none" if there is none.

    Done once in a process, which keeps to the answer, so that all its records mean the same.
    """
    refused: dict[str, str] = {}
    for tier in TIERS if sys.platform == "linux" else ():
        try:
            return TierStatus(tier, _layers_of(tier), refused)
        except TierRefusedError as error:
            refused[tier] = str(error)
        except WorkerLostError as error:
            # Whatever went wrong, it does not tell that the tier is not available: to go on below it would be a guess.
            refused[tier] = f"not known, it failed twice: {error}"
            break
    return TierStatus("none", (), refused)


def _layers_of(tier: str) -> tuple[str, ...]:
    try:
        return layers_of(tier)
    except TierRefusedError:
        raise
    except WorkerLostError:
        return layers_of(tier)


def layers_of(tier: str) -> tuple[str, ...]:
    """Start a zygote at a tier, have a child run in it, and return the layers it reports as enforced.

    Raises WorkerLostError if this machine does not offer the tier.
    """
    worker = Worker(tier)
    try:
        worker.try_out(Limits())
        return worker.layers
    finally:
        worker.close()


def tier_status(tier: str | None, allow_unsandboxed: bool) -> TierStatus:
    """Return what will be enforced on submitted code at `tier`, or at the best there is.

    Raises UserError if the tier is unavailable, or is T0 and unsandboxed execution was not opted into.
    """
    if tier is not None and tier not in TIERS:
        raise UserError(f"unknown tier {tier!r}; valid: {', '.join(TIERS)}")
    status = probe() if tier is None else _forced(tier)
    if status.tier == "none":
        why = "; ".join(f"{tier}: {reason}" for tier, reason in status.refused.items())
        why = why or f"{sys.platform} is not Linux"
        raise UserError(f"no sandbox can be started here ({why}); valid: a Linux machine where a tier is available")
    if status.tier == "T0" and not (allow_unsandboxed or os.environ.get(ALLOW_UNSANDBOXED) == "1"):
        why = f" ({status.refused['T1']})" if "T1" in status.refused else ""
        raise UserError(
            f"no layer of the sandbox is enforced at tier T0{why}, so submitted code could do whatever you can; "
            f"to run it all the same, set {ALLOW_UNSANDBOXED}=1 or pass allow_unsandboxed=True"
        )
    return status


@functools.cache
def _forced(tier: str) -> TierStatus:
    try:
        return TierStatus(tier, _layers_of(tier))
    except WorkerLostError as error:
        raise UserError(f"tier {tier} is not available here: {error}") from error
