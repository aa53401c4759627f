"""Samples of a run as one self-contained page to search and filter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from vulngames.files import write_text
from vulngames.printable import one_line, printable
from vulngames.runs import SampleRow

MOST = 5000
"""Samples on one page: more, and it is slow to open."""


def write_browser(out: Path, title: str, rows: Sequence[SampleRow]) -> Path:
    """Write the first `MOST` of `rows` as a page at `out`, and say where it is."""
    page = {
        "title": one_line(title),
        "left_out": max(0, len(rows) - MOST),
        "samples": [_shown(row) for row in rows[:MOST]],
    }
    # Data, never markup: nothing in it can end the element that holds it.
    data = json.dumps(page).replace("<", "\\u003c")
    template = (resources.files("vulngames.report") / "browser.html").read_text("utf-8")
    write_text(out, template.replace("/*DATA*/", data))
    return out


def _shown(row: SampleRow) -> dict[str, Any]:
    return {
        "step": row["step"],
        "task": one_line(row["task"]),
        "cue": one_line(row["cue"]),
        "index": row["index"],
        "prompt": printable(row["prompt"]),
        "completions": [printable(text) for text in row["completions"]],
        "reward": row["reward"],
        "patched": row["patched"],
        "intended": row["intended"],
        "exploited": row["exploited"],
        "evidence": printable(row["error"] or row["evidence"]),
        "failed": row["reward"] is None,
        "finish": row["finish"],
        "asked": [printable(text) for text in row["asked"]],
    }
