"""A finished study's summary.json, as the terminal and the page read it; the ledger checks what it judges itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vulngames.errors import UserError
from vulngames.runs import read_json

ENDS = ("itp_start", "itp_end", "er_start", "er_end")
"""Measures of a row, and of each of its seeds: intervals or None."""
STEPS = ("onset_step", "domination_step", "steps", "eval_every")
"""Steps of a row, and of each of its seeds: numbers or None."""
LATER = ("cut_end", "failed", "evaluated")
"""What a row and each of its seeds may hold beside: an interval or None, and two numbers of samples."""
_NEEDED = {"game", "seeds", "runs", "each", "paper", *ENDS, *STEPS}
_FOUND = {*_NEEDED, *LATER} - {"game"}


def labels(row: Mapping[str, Any]) -> dict[str, Any]:
    """What sets a row apart from the study's other ones."""
    return {key: value for key, value in row.items() if key not in _FOUND}


def read_summary(home: Path) -> dict[str, Any]:
    """The summary of the study that `home` holds, its rows whole.

    Raises:
        UserError: there is none, or it is damaged.
    """
    path = home / "summary.json"
    if not path.is_file():
        raise UserError(f"{home} holds no summary.json; valid: the directory of a finished study")
    summary = read_json(path)
    rows = summary.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.keys() >= _NEEDED for row in rows):
        raise UserError(f"{path} is damaged: its rows lack what a study writes; run the study again")
    if not all(_is_each(row["each"]) for row in rows):
        raise UserError(f"{path} is damaged: a row does not hold what each seed measured; run the study again")
    missing = [key for key in ("study", "policy", "command", "wall_s") if key not in summary]
    if missing:
        raise UserError(f"{path} is damaged: it holds no {', '.join(missing)}; run the study again")
    return summary


def _is_each(held: Any) -> bool:
    needed = {*ENDS, *STEPS}
    return isinstance(held, list) and all(isinstance(each, dict) and needed <= each.keys() for each in held)
