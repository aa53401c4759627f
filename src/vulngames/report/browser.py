"""Samples of a run as one self-contained page to search and filter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from vulngames.files import write_text
from vulngames.printable import one_line, printable
from vulngames.selection import Row

MOST = 5000
"""Samples on one page: more, and it is slow to open."""
_SHOWN = ("step", "task", "cue", "index", "prompt", "completions", "reward", "patched", "intended", "exploited")


def write_browser(out: Path, title: str, rows: Sequence[Row]) -> Path:
    """Write the first `MOST` of `rows` as a page at `out`, and say where it is."""
    held = {
        "title": one_line(title),
        "left_out": max(0, len(rows) - MOST),
        "samples": [_shown(row) for row in rows[:MOST]],
    }
    # Data, never markup: nothing in it can end the element that holds it.
    data = json.dumps(held).replace("<", "\\u003c")
    template = (resources.files("vulngames.report") / "browser.html").read_text("utf-8")
    write_text(out, template.replace("/*DATA*/", data))
    return out


def _shown(row: Row) -> dict[str, Any]:
    held = {name: row[name] for name in _SHOWN}
    held["task"], held["cue"] = one_line(row["task"]), one_line(row["cue"])
    held["prompt"] = printable(row["prompt"])
    held["completions"] = [printable(text) for text in row["completions"]]
    held["evidence"] = printable(row["error"] or row["evidence"])
    held["failed"] = row["reward"] is None
    held["finish"] = list(row.get("finish", ()))
    held["asked"] = [printable(text) for text in row.get("asked", ())]
    return held
