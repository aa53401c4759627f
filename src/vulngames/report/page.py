"""Sections as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import jinja2

from vulngames.claims import Judged
from vulngames.report import number
from vulngames.report.chapter import Chapter
from vulngames.report.section import Section


def render(found: Sequence[Section], chapters: Sequence[Chapter], claims: Sequence[Judged], home: Path) -> str:
    """The whole page; links are relative to `home`."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(num=number.plain, bounds=number.bounds)
    template = environment.from_string((resources.files("vulngames.report") / "page.html.j2").read_text("utf-8"))
    return template.render(sections=found, chapters=chapters, claims=claims, home=home)
