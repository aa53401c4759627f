"""What a record of results says of the sandbox behind them."""

import functools
import platform
import sys
import warnings

from vulngames.sandbox.tier import COSTS, Standing, probe


def provenance() -> dict[str, object]:
    """Return what a record of results should say of the sandbox behind them, as JSON values.

    `layers` are what a running zygote has put up, `missing` is what could be but is not, and `refused` is why stronger
    tiers cannot be had here. At tier T0 submitted code can do whatever the user who runs it can.
    """
    found = probe()
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
        _warn(found.tier, found.missing)


@functools.cache
def _warn(tier: str, missing: tuple[str, ...]) -> None:
    costs = "; ".join(f"without {name}, {COSTS[name]}" for name in missing)
    warnings.warn(f"vulngames.sandbox runs at tier {tier}: {costs}", UserWarning, stacklevel=3)
