"""Chapters as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from urllib.parse import quote

import jinja2

from vulngames.arm import Ends, Evaluated
from vulngames.claims import Judged, elsewhere, together
from vulngames.measures import MARGIN
from vulngames.report import format
from vulngames.report.chapter import Chapter
from vulngames.report.setup import setup
from vulngames.report.sources import run_files
from vulngames.runs import Run


def render(chapters: Sequence[Chapter], claims: Sequence[Judged], home: Path) -> str:
    """The whole page; links are relative to `home`."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(num=format.plain, bounds=format.bounds, data=_data, unscored=_unscored, steps=_steps)
    environment.filters["label"] = format.label
    environment.filters["files"] = partial(run_files, home=home)
    template = environment.from_string((resources.files("vulngames.report") / "page.html.j2").read_text("utf-8"))
    runs: list[Run] = []
    commands: list[str] = []
    for chapter in chapters:
        runs += chapter.runs
        commands += [fact for name, fact in chapter.facts if name == "command"]
    return template.render(
        chapters=chapters,
        claims=[claim for claim in claims if claim.given],
        elsewhere=elsewhere(claims),
        together=together(claims),
        setup=setup(runs, commands),
        home=home,
        margin=f"{MARGIN:.2f}",
    )


def _data(csv: str) -> str:
    """A file within the page itself, as the target of a link."""
    return f"data:text/csv;charset=utf-8,{quote(csv, safe='')}"


def _unscored(ends: Evaluated) -> str:
    """The share of evaluated samples that could not be scored."""
    return format.share(ends.failed, ends.evaluated)


def _steps(runs: Sequence[Ends], name: str) -> str:
    """A step of each run in which it could be measured."""
    return format.steps([getattr(run, name) for run in runs if run.opened is not None])
