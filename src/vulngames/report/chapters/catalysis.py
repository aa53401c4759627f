"""A second exploit after a first: paired onsets, curves, and steps to domination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from vulngames.measure import Interval, apart
from vulngames.report import figures, number
from vulngames.report.chapter import Found, Picture
from vulngames.report.figures import COLOURS, Line
from vulngames.report.row import Row, end, games_of, pick, short


def catalysis(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    games, draws, onsets = games_of(rows), [], []
    firsts = dict.fromkeys(row["first"] for row in rows if row["first"] != "none")
    colours = dict(zip(firsts, COLOURS, strict=False))
    for game in games:
        here = [row for row in rows if row["game"] == game and row["arm"] != "fresh, equal steps"]
        curves, places = [], []
        for row in here:
            fresh = row["first"] == "none"
            label = "fresh" if fresh else f"{short(row['first'])}{', patched' if row['arm'] == 'patched' else ''}"
            colour = "ink" if fresh else colours[row["first"]]
            dash = "--" if row["arm"] == "patched" else "-"
            curves.append(Line(label, row.arm.curve("er"), colour, dash, band=fresh))
            places.append((label, [each["onset_step"] for each in row["each"]], colour))
        draws.append(partial(figures.lines, curves=curves, xlabel="step of the second training"))
        most = max((row["steps"] or 0 for row in here), default=0)
        onsets.append(partial(figures.dots, rows=places, never=most + 2, xlabel="onset (hollow: none)"))
    titles = [short(game) for game in games]
    pictures = [
        _domination_steps(rows, games),
        Picture(
            figures.sheet(titles, draws, "ER against steps of a second training", "catalysis-er"),
            "ER in the second game, by what was trained first; dashed: the first game's patched twin. The band is the "
            "fresh policy's; the others' are in the numbers below.",
        ),
        Picture(
            figures.sheet(titles, onsets, "onset steps by what was trained first", "catalysis-onset", height=2.1),
            "The step from which ER stays above its start, a dot a seed; an exploit that is there at once has none.",
        ),
    ]
    equal = {(found["first"], found["game"]): found for found in summary.get("equal_steps", ())}
    answers = []
    for row in rows:
        if row["arm"] != "flawed":
            continue
        fresh = end(pick(rows, first="none", arm="fresh", game=row["game"]))
        twin = end(pick(rows, first=row["first"], arm="patched", game=row["game"]))
        side = {apart(row.value("er_end"), fresh), apart(row.value("er_end"), twin)}
        if side in ({1}, {-1}):
            alone = equal.get((row["first"], row["game"]), {}).get("er")
            answers.append(
                f"{short(row['game'])} after {short(row['first'])} ends {'wider' if side == {1} else 'narrower'}, "
                f"ER {number.full(row.value('er_end'))}, than fresh ({number.full(fresh)}) and after its patched twin "
                f"({number.full(twin)}); alone for as many steps in all: {number.plain(alone and alone['mean'])}"
            )
    return Found(answers or ["no second exploit ends measurably wider or narrower than in both controls"], pictures)


def _domination_steps(rows: Sequence[Row], games: Sequence[str]) -> Picture:
    """Matrices of the steps that a second exploit takes to dominate: what was trained first by what is trained next."""

    def steps(row: Row | None) -> Interval | None:
        if row is None or not row["each"]:
            return None
        taken = [each["steps"] if each["domination_step"] is None else each["domination_step"] for each in row["each"]]
        mean = sum(taken) / len(taken)
        return Interval(mean, mean, mean)

    def matrix(arm: str) -> list[list[Interval | None]]:
        fresh = [steps(pick(rows, first="none", arm="fresh", game=game)) for game in games]
        return [fresh, *([steps(pick(rows, first=first, arm=arm, game=game)) for game in games] for first in games)]

    names = [short(game) for game in games]
    after = ["fresh", *(f"after {name}" for name in names)]
    matrices = [matrix(arm) for arm in ("flawed", "patched")]
    most = max((value.mean for cells in matrices for row in cells for value in row if value), default=0) or 1
    draws = [partial(figures.heat, cells=cells, rows=after, columns=names, most=most, digits=0) for cells in matrices]
    return Picture(
        figures.sheet(["exploit first", "its patched twin first"], draws, "steps to domination", "catalysis", 2, 2.4),
        "Steps until the second exploit is most of what is done, on average over seeds (a run that never gets there "
        "counts with its last step). A row is what was trained first, a column what is trained next.",
    )
