"""Sections as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib import resources
from pathlib import Path
from urllib.parse import quote

import jinja2

from vulngames.claims import Judged, elsewhere
from vulngames.report import number
from vulngames.report.chapter import Chapter
from vulngames.report.provenance import run_files
from vulngames.report.section import Section
from vulngames.report.setup import setup


def render(found: Sequence[Section], chapters: Sequence[Chapter], claims: Sequence[Judged], home: Path) -> str:
    """The whole page; links are relative to `home`."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(num=number.plain, bounds=number.bounds, data=_data)
    environment.filters["files"] = partial(run_files, home=home)
    template = environment.from_string((resources.files("vulngames.report") / "page.html.j2").read_text("utf-8"))
    studies: list[Section | Chapter] = [*found, *chapters]
    return template.render(
        sections=found,
        chapters=chapters,
        claims=[claim for claim in claims if claim.given],
        elsewhere=elsewhere(claims),
        setup=setup(
            [run for study in studies for run in study.runs],
            [fact for study in studies for name, fact in study.facts if name == "command"],
        ),
        home=home,
    )


def _data(csv: str) -> str:
    """A file within the page itself, as the target of a link."""
    return f"data:text/csv;charset=utf-8,{quote(csv, safe='')}"
