"""How numbers and names are written on the page."""

import re
from collections.abc import Sequence

from vulngames.measures import Interval, Range

NONE = "–"


def plain(value: float | None) -> str:
    """Two decimals, with a minus sign rather than a hyphen, and no negative zero."""
    if value is None:
        return NONE
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def mean(interval: Interval | None) -> str:
    """`0.92`."""
    return NONE if interval is None else plain(interval.mean)


def bounds(interval: Interval) -> str:
    """`[0.88, 0.95]`."""
    return f"[{plain(interval.lo)}, {plain(interval.hi)}]"


def full(interval: Interval | None) -> str:
    """`0.92 [0.88, 0.95]`; of a range, `0.92 (seeds from 0.88 to 0.95)`."""
    if interval is None:
        return NONE
    if isinstance(interval, Range):
        return f"{mean(interval)} (seeds from {plain(interval.lo)} to {plain(interval.hi)})"
    return f"{mean(interval)} {bounds(interval)}"


def label(value: object) -> str:
    """What a key holds: `none`, `0.1667`, `flawed`."""
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def opens(opened: int, judged: int) -> str:
    """`2 of 3`; a dash of none."""
    return f"{opened} of {judged}" if judged else NONE


_LISTED = 5


def steps(steps: Sequence[int | None]) -> str:
    """A step per run, in their order: `15, 30, never`; of many runs their spread, `5 to 30, never in 2 of
    10`; `never` of all."""
    if not steps:
        return NONE
    if len(steps) <= _LISTED and any(step is not None for step in steps):
        return ", ".join("never" if step is None else str(step) for step in steps)
    there = [step for step in steps if step is not None]
    spread = [" to ".join(dict.fromkeys((str(min(there)), str(max(there)))))] if there else []
    never = [f"never in {len(steps) - len(there)} of {len(steps)}"] if len(there) < len(steps) else []
    return ", ".join(spread + never) if there else "never"


def share(part: int | None, whole: int | None) -> str:
    """`0.3 %`; `0` of none, and never that of some."""
    if part is None or not whole:
        return NONE
    if part == 0:
        return "0"
    percent = f"{100 * part / whole:.1f}"
    return "< 0.1 %" if percent == "0.0" else f"{percent} %"


def change(start: Interval | None, end: Interval | None) -> str:
    """`0.01 → 0.98 [0.95, 0.99]`."""
    return f"{mean(start)} → {full(end)}"


def short(game: str) -> str:
    """A game's name without its version."""
    return re.sub(r"-v\d+$", "", game)
