"""How numbers and names are written on the page."""

import re

from vulngames.measures import Interval

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
    """`0.92 [0.88, 0.95]`."""
    return NONE if interval is None else f"{mean(interval)} {bounds(interval)}"


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
