"""What the sandbox holds against submitted code, and what it does not."""

import functools
import platform
import sys
import warnings

_TIER = "T0"
_LAYERS = (
    "separate_interpreter",
    "answers_only",
    "empty_environment",
    "own_session",
    "rlimits",
    "wall_clock_kill",
    "no_new_privs",
    "non_dumpable",
)
_MISSING = ("namespaces", "uid_drop", "capability_drop", "landlock", "seccomp")


def provenance() -> dict[str, object]:
    """Return what a record of results should say of the sandbox behind them, as JSON values.

    `layers` are in force; `missing` are not: until they are, submitted code can read files, use the network
    and signal processes with the rights of the user who runs it.
    """
    return {
        "tier": _TIER,
        "layers": list(_LAYERS),
        "missing": list(_MISSING),
        "python": platform.python_version(),
        "platform": f"{sys.platform}-{platform.machine()}",
    }


@functools.cache
def warn_of_missing_layers() -> None:
    """Say once per process what submitted code is not yet kept from."""
    warnings.warn(
        f"vulngames.sandbox runs at tier {_TIER}, without {', '.join(_MISSING)}: code under test has no "
        "verdict to forge, but it can reach the files, network and processes of this user.",
        UserWarning,
        stacklevel=2,
    )
