"""One self-contained HTML page from run directories. A number on it has a file behind it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vulngames.claims import ledger
from vulngames.errors import UserError, without
from vulngames.files import write_text
from vulngames.studies.summary import finished

PICTURES = (".png", ".svg", ".pdf")


def write_report(dirs: Sequence[Path], out: Path, picture: Path | None = None) -> Path:
    """Write the page that reports `dirs`, and say where it is.

    Args:
        dirs: study directories (`summary.json`, or the `runs/` of an unfinished study), directories of several, and run
            directories (`run.json`); runs given by themselves are pooled where they differ in seed alone, and compared
            where they differ in the rule alone.
        out: the file to write, or a directory to write `report.html` into.
        picture: a .png, .svg or .pdf file to draw ER against steps to, a panel per game.

    Raises:
        UserError: nothing to report, a directory that is neither, an unknown study or game, or a missing package.
    """
    try:
        from vulngames.report.figures import Trace, overview
        from vulngames.report.page import render
        from vulngames.report.read import read
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("matplotlib", "jinja2", "markupsafe"):
            raise
        raise without("the report needs matplotlib and jinja2", "report") from missing
    path = out / "report.html" if out.is_dir() else out
    if picture is not None and picture.suffix not in PICTURES:
        raise UserError(f"{picture} is not a picture's name; valid endings: {', '.join(PICTURES)}")
    chapters = read(dirs)
    panels: list[tuple[str, Sequence[Trace]]] = []
    for chapter in chapters:
        panels += [(twins.label, twins.traces("ER")) for twins in chapter.found.twins]
    # The ledger speaks of studies: runs by themselves are not judged, and twins say themselves what was found.
    studies = [home for home in dirs if finished(home)]
    judged = ledger(studies) if studies and any(not chapter.found.twins for chapter in chapters) else []
    html = render(chapters, judged, path.parent)
    if picture is not None and not panels:
        raise UserError(f"nothing to draw in {picture}; valid: an emergence study or runs of `train`, or no picture")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, html)
    if picture is not None:
        picture.parent.mkdir(parents=True, exist_ok=True)
        overview(panels, picture)
    return path
