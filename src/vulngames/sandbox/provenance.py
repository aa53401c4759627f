"""What a record of results says of the sandbox behind them."""

import functools
import platform
import sys
import warnings

from vulngames.sandbox.tier import Standing, probe


def provenance(found: Standing | None = None) -> dict[str, object]:
    """Return what a record of results should say of the sandbox behind them, as JSON values.

    It is of `found`, or of the best tier there is.

    `layers` are what a running zygote has put up, `missing` is what could be but is not, and `refused` is why stronger
    tiers cannot be had here. At tier T0 submitted code can do whatever the user who runs it can.
    """
    found = found or probe()
    return {
        "tier": found.tier,
        "layers": list(found.layers),
        "missing": list(found.missing),
        "refused": dict(found.refused),
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
    }


def warn_of_missing_layers(found: Standing | None = None) -> None:
    """Say once per process and tier what submitted code is not kept from; at T3 there is nothing to say."""
    found = found or probe()
    if found.tier != "T3":
        _warn(found.tier, found.costs)


@functools.cache
def _warn(tier: str, costs: tuple[str, ...]) -> None:
    warnings.warn(f"vulngames.sandbox runs at tier {tier}: {'; '.join(costs)}", UserWarning, stacklevel=3)
