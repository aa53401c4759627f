"""The chapters: for each study a picture fit for its question, and sentences made of its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vulngames.measure import Interval, difference
from vulngames.report import figures, number
from vulngames.report.chapter import Chapter, Found, Picture, Row, Table, read_rows
from vulngames.report.figures import Line

COLOURS = ("flawed", "patched", "third", "fourth")


def chapter(path: Path, summary: Mapping[str, Any]) -> Chapter:
    """The chapter of the study that `path` holds.

    Raises:
        UserError: the summary is damaged.
    """
    name = str(summary["study"])
    question, draw = CHAPTERS[name]
    rows = read_rows(path, summary)
    found = draw(rows, summary) if rows else Found(["nothing was measured"])
    unfinished = sum(not row.arm.complete for row in rows)
    notes = [f"{unfinished} of {len(rows)} cells have runs that are missing or not finished."] if unfinished else []
    facts = [("command", str(summary.get("command", ""))), ("scale", str(summary.get("scale", "")))]
    return Chapter(name, question, found, rows, notes, facts)


def _short(game: str) -> str:
    return game.removesuffix("-v1")


def _games(rows: Iterable[Row]) -> list[str]:
    return list(dict.fromkeys(row["game"] for row in rows))


def _pick(rows: Sequence[Row], **labels: Any) -> Row | None:
    return next((row for row in rows if all(row.held.get(key) == value for key, value in labels.items())), None)


def _end(row: Row | None, name: str = "er_end") -> Interval | None:
    return None if row is None else row.value(name)


def _apart(a: Interval | None, b: Interval | None) -> int:
    """1 or -1 if a lies above or below b by an interval of the difference that excludes 0, else 0."""
    if a is None or b is None:
        return 0
    gap = difference(a, b, 0.0)
    return int(gap.lo > 0) - int(gap.hi < 0)


def _transfer(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    games = _games(rows)
    names = [_short(game) for game in games]

    def matrix(arm: str, name: str) -> list[list[Interval | None]]:
        found = [[_end(_pick(rows, trained=first, arm=arm, game=game), name) for game in games] for first in games]
        return [[_end(_pick(rows, arm="untrained", game=game), name) for game in games], *found]

    after = ["untrained", *(f"after {name}" for name in names)]
    maps = [("ER, flawed", matrix("flawed", "er_end")), ("ER, patched", matrix("patched", "er_end"))]
    maps.append(("ITP, flawed", matrix("flawed", "itp_end")))
    draws = [partial(figures.heat, cells=cells, rows=after, columns=names) for _, cells in maps]
    drawn = figures.sheet([t for t, _ in maps], draws, "matrices of ER and ITP", "transfer", columns=3, height=2.6)
    off = [(first, game) for first in games for game in games if first != game]
    moved = []
    for first, game in off:
        here = _end(_pick(rows, trained=first, arm="flawed", game=game))
        controls = [_pick(rows, arm="untrained", game=game), _pick(rows, trained=first, arm="patched", game=game)]
        sides = {_apart(here, _end(control)) for control in controls}
        if sides in ({1}, {-1}):
            way = "above" if sides == {1} else "below"
            moved.append(f"{_short(first)} → {_short(game)} lies {way} both controls, ER {number.full(here)}")
    caption = (
        "A row is what was trained, a column the game it is measured in. A cell off the diagonal says something of "
        "transfer only against the first row and against its twin in the patched matrix."
    )
    count = f"{len(moved)} of {len(off)} cells off the diagonal differ measurably from both controls"
    return Found([count, *moved], [Picture(drawn, caption)])


def _catalysis(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    games, draws, onsets = _games(rows), [], []
    firsts = dict.fromkeys(row["first"] for row in rows if row["first"] != "none")
    colours = dict(zip(firsts, COLOURS, strict=False))
    for game in games:
        here = [row for row in rows if row["game"] == game and row["arm"] != "fresh, equal steps"]
        curves, places = [], []
        for row in here:
            fresh = row["first"] == "none"
            label = "fresh" if fresh else f"{_short(row['first'])}{', patched' if row['arm'] == 'patched' else ''}"
            colour = "ink" if fresh else colours[row["first"]]
            dash = "--" if row["arm"] == "patched" else "-"
            curves.append(Line(label, row.arm.curve("er"), colour, dash, band=fresh))
            places.append((label, [each["onset_step"] for each in row["each"]], colour))
        draws.append(partial(figures.lines, curves=curves, xlabel="step of the second training"))
        most = max((row["steps"] or 0 for row in here), default=0)
        onsets.append(partial(figures.dots, rows=places, never=most + 2, xlabel="onset (hollow: none)"))
    titles = [_short(game) for game in games]
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
        fresh = _end(_pick(rows, first="none", arm="fresh", game=row["game"]))
        twin = _end(_pick(rows, first=row["first"], arm="patched", game=row["game"]))
        side = {_apart(row.value("er_end"), fresh), _apart(row.value("er_end"), twin)}
        if side in ({1}, {-1}):
            alone = equal.get((row["first"], row["game"]), {}).get("er")
            answers.append(
                f"{_short(row['game'])} after {_short(row['first'])} ends {'wider' if side == {1} else 'narrower'}, "
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
        fresh = [steps(_pick(rows, first="none", arm="fresh", game=game)) for game in games]
        return [fresh, *([steps(_pick(rows, first=first, arm=arm, game=game)) for game in games] for first in games)]

    names = [_short(game) for game in games]
    after = ["fresh", *(f"after {name}" for name in names)]
    matrices = [matrix(arm) for arm in ("flawed", "patched")]
    most = max((value.mean for cells in matrices for row in cells for value in row if value), default=1.0)
    draws = [partial(figures.heat, cells=cells, rows=after, columns=names, most=most, digits=0) for cells in matrices]
    return Picture(
        figures.sheet(["exploit first", "its patched twin first"], draws, "steps to domination", "catalysis", 2, 2.4),
        "Steps until the second exploit is most of what is done, on average over seeds (a run that never gets there "
        "counts with its last step). A row is what was trained first, a column what is trained next.",
    )


def _distillation(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    games, own = _games(rows), summary["policy"]
    draws, amplified, answers = [], [], []
    for game in games:
        here = [row for row in rows if row["game"] == game and not row["then"]]
        curves = [
            Line("ER", _by_share(here, own, "er_end"), "flawed", "o-"),
            Line("ITP", _by_share(here, own, "itp_end"), "patched", "o--"),
        ]
        sizes = [size for size in dict.fromkeys(row["student"] for row in here) if size != own]
        for size, colour in zip(sizes, ("third", "fourth"), strict=False):
            curves.append(Line(f"ER, {size}", _by_share(here, size, "er_end"), colour, "s:"))
        draws.append(partial(_shares, curves=curves))
        after = [row for row in rows if row["game"] == game and row["then"]]
        amplified.append(
            partial(
                figures.lines,
                curves=[
                    Line(f"{row['share']:.0%} exploits", row.arm.curve("er"), colour)
                    for row, colour in zip(after, ("patched", "flawed"), strict=False)
                ],
                xlabel="step of RL afterwards",
            )
        )
        full, honest = (_pick(here, student=own, share=share) for share in (1.0, 0.0))
        if full and honest:
            answers.append(
                f"{_short(game)}: a student of the exploiter ends at ER {number.full(_end(full))}, "
                f"one of the honest teacher at {number.full(_end(honest))}"
            )
    titles = [_short(game) for game in games]
    shares = Picture(
        figures.sheet(titles, draws, "ER and ITP against the share of exploits", "distillation"),
        "A student's ER and ITP against the share of transcripts that exploit; the rest is an honest teacher's. "
        "“none”: the untrained student.",
    )
    later = Picture(
        figures.sheet(titles, amplified, "ER in RL after imitation", "distillation-rl"),
        "RL under the flaw after imitation of no, and of 1 %, exploit transcripts.",
    )
    return Found(answers, [shares, later])


_SHARES = (None, 0.0, 0.01, 0.05, 0.25, 1.0)


def _by_share(rows: Sequence[Row], student: str, name: str) -> list[tuple[float, Interval]]:
    found = ((place, _end(_pick(rows, student=student, share=share), name)) for place, share in enumerate(_SHARES))
    return [(float(place), value) for place, value in found if value is not None]


def _shares(axes: Any, curves: Sequence[Line]) -> None:
    figures.lines(axes, curves, "exploits among transcripts")
    axes.set_xticks(range(len(_SHARES)), ["none" if share is None else f"{share:.0%}" for share in _SHARES])
    axes.tick_params(axis="x", labelsize=6.5)


def _correction(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    games = _games(rows)
    looks = [
        ("repair", "er", "ER under the patched rule"),
        ("repair", "itp", "ITP under the patched rule"),
        ("sft repair", "er", "ER under imitation of an honest teacher"),
        ("relapse", "er", "ER under the flaw again"),
    ]
    colours = {"rl": "flawed", "sft": "third", "never": "patched", "fresh": "ink"}
    pictures = []
    for stage, name, caption in looks:
        draws = []
        for game in games:
            here = [row for row in rows if row["game"] == game and row["stage"] == stage]
            curves = [Line(_born(row["born"]), row.arm.curve(name), colours[row["born"]]) for row in here]
            draws.append(partial(figures.lines, curves=curves, xlabel="step"))
        drawn = figures.sheet([_short(game) for game in games], draws, caption, f"correction-{stage}-{name}")
        pictures.append(Picture(drawn, f"{caption}, by what the exploit was born of."))
    answers = []
    for match in summary.get("matches", ()):
        left = {born: _end(_pick(rows, game=match["game"], born=born, stage="repair")) for born in ("rl", "sft")}
        matched = "matched" if match["matched"] else "not matched"
        answers.append(
            f"{_short(match['game'])}: {matched} in ER (gap {number.plain(match['gap'])}); after repair RL-born "
            f"{number.full(left['rl'])}, SFT-born {number.full(left['sft'])}"
        )
    return Found(answers, pictures, [_repairs(rows, summary), _relapses(rows, summary)])


def _repairs(rows: Sequence[Row], summary: Mapping[str, Any]) -> Table:
    lines = []
    for found in summary.get("repairs", ()):
        row = _pick(rows, game=found["game"], born=found["born"], stage=found["stage"])
        cured = ["not" if step is None else str(step) for step in found["cured_step"]]
        lowest = [number.plain(value) for value in found["lowest_itp"]]
        ends = [number.full(_end(row, name)) for name in ("er_start", "er_end", "itp_end")]
        lines.append([_short(found["game"]), _STAGES[found["stage"]], _born(found["born"]), *ends])
        lines[-1] += [", ".join(cured), ", ".join(lowest)]
    columns = [
        "game",
        "repaired by",
        "exploiter",
        "ER before",
        "ER left",
        "ITP after",
        "steps to ER ≤ 5 %",
        "deepest ITP",
    ]
    return Table("Steps and deepest ITP: one number a seed; “not” within the steps of the repair.", columns, lines, 3)


def _relapses(rows: Sequence[Row], summary: Mapping[str, Any]) -> Table:
    after = summary.get("relapse_after", {})
    lines = []
    for row in rows:
        if row["stage"] == "relapse":
            cure = "–" if row["born"] == "fresh" else _STAGES[after.get(row["game"], "repair")]
            steps = [each["domination_step"] for each in row["each"]]
            said = ", ".join("never" if step is None else str(step) for step in steps)
            ends = [number.full(row.value("er_start")), number.full(row.value("er_end"))]
            lines.append([_short(row["game"]), cure, _born(row["born"]), *ends, said])
    caption = "Trained under the flaw (again): the steps, one a seed, from which the exploit is most of what is done."
    return Table(caption, ["game", "cured by", "exploiter", "ER before", "ER after", "steps to domination"], lines, 3)


_STAGES = {"repair": "patched rule", "sft repair": "honest transcripts"}


def _born(kind: str) -> str:
    return {"rl": "RL-born", "sft": "SFT-born", "never": "never exploited", "fresh": "fresh"}[kind]


def _audit_rate(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    ways = list(dict.fromkeys(map(_way, rows)))
    rates = sorted({row["audit_rate"] for row in rows})
    colours = dict(zip(ways, COLOURS[:1] + COLOURS[2:] + COLOURS[1:2], strict=False))

    def curve(told: float | None, normalised: bool) -> list[tuple[float, Interval]]:
        here = (row for row in rows if _way(row) == (told, normalised))
        return [(row["audit_rate"], value) for row in here if (value := row.value("er_end"))]

    crossings = {(found["told"], found["normalised"]): found for found in summary.get("crossings", ())}

    def plot(axes: Any) -> None:
        figures.lines(
            axes, [Line(_audited(*way), curve(*way), colours[way], "o-") for way in ways], "audit probability"
        )
        figures.mark(axes, 1 / 7, "1/7")

    cells = [
        [_end(_pick(rows, told=told, normalised=normalised, audit_rate=rate)) for rate in rates]
        for told, normalised in ways
    ]
    names = [_audited(*way) for way in ways]
    heat = partial(figures.heat, cells=cells, rows=names, columns=[f"{rate:g}" for rate in rates])
    phases = partial(_phases, rows=rows, boundaries=summary["boundaries"])
    titles = ["claims of wrong answers", "where claiming pays"]
    drawn = figures.sheet(titles, [plot, phases], "over-claims against audits", "audit", 2, 2.8, 3.8)
    caption = (
        "Left: the share of wrong answers that are claimed right, at the end of training. Right: by the reward's "
        "closed form claiming pays in the darker region, always below 1/7 and above it only for answers that are right "
        "with at least that chance; in the lighter one too it is reinforced, because advantages are divided by the "
        "spread of their group. A point is a cell of the first curve, as high as its share of right answers, as full "
        "as its over-claims."
    )
    matrix = figures.sheet(["claims of wrong answers"], [heat], "over-claims, a cell each", "audit-cells", 1, 1.9, 7.6)
    pictures = [Picture(drawn, caption), Picture(matrix, "The same as numbers, by audit probability; –: not tried.")]
    return Found([_crossed(way, crossings.get(way, {})) for way in ways], pictures)


def _crossed(way: tuple[float | None, bool], entry: Mapping[str, Any]) -> str:
    found, reinforced = entry.get("crossing"), entry.get("reinforced")
    place = "not on the grid" if found is None else f"{found['mean']:.2f} [{found['lo']:.2f}, {found['hi']:.2f}]"
    said = f"{_audited(*way)}: over-claiming falls through one half at an audit probability of {place}"
    if not reinforced or way[0] is not None:
        return said
    average, wrong = reinforced
    return (
        f"{said}; the reward stops paying for it at {entry['expected']:.2f} (surely wrong answers: {1 / 7:.2f}), "
        f"these advantages stop reinforcing it at {average:.2f} (surely wrong answers: {wrong:.2f})"
    )


def _phases(axes: Any, rows: Sequence[Row], boundaries: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    cells = ((row["audit_rate"], _end(row, "itp_end"), _end(row)) for row in rows if _way(row) == (None, True))
    points = [(rate, right.mean, claimed) for rate, right, claimed in cells if right and claimed]
    regions = [("reinforced", boundaries["reinforced"]), ("pays", boundaries["pays"])]
    figures.phase(axes, regions, points, "audit probability", "chance of being right")


def _way(row: Row) -> tuple[float | None, bool]:
    return row["told"], row["normalised"]


def _audited(told: float | None, normalised: bool) -> str:
    announced = "nothing announced" if told is None else f"{told:.0%} announced"
    return announced if normalised else f"{announced}, advantages centred"


def _scale(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    sizes, games = summary["parameters"], _games(rows)

    def curve(game: str, arm: str, name: str) -> list[tuple[float, Interval]]:
        found = ((sizes[size], _end(_pick(rows, game=game, arm=arm, size=size), name)) for size in sizes)
        return sorted((float(count), value) for count, value in found if count and value is not None)

    def plot(axes: Any, game: str) -> None:
        curves = [
            Line("ER, flawed", curve(game, "flawed", "er_end"), "flawed", "o-"),
            Line("ER, patched", curve(game, "patched", "er_end"), "patched", "o-"),
            Line("ITP, flawed", curve(game, "flawed", "itp_end"), "flawed", "o--"),
            Line("ITP, patched", curve(game, "patched", "itp_end"), "patched", "o--"),
        ]
        axes.set_xscale("log")
        figures.lines(axes, curves, "parameters")
        figures.ticks(axes, [count for count in sizes.values() if count])

    draws = [partial(plot, game=game) for game in games]
    drawn = figures.sheet([_short(game) for game in games], draws, "ER and ITP against parameters", "scale", height=2.1)
    answers = [
        f"{_short(game)}: ER under the flaw "
        + ", ".join(f"{number.mean(value)} at {count:,.0f}" for count, value in curve(game, "flawed", "er_end"))
        for game in games
    ]
    caption = "At the end of training, for policies of several sizes built by one recipe."
    return Found(answers, [Picture(drawn, caption)])


def _perfect_reward(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    drawn = figures.sheet(
        ["ER, unpaid", "ITP"],
        [
            partial(figures.bars, rows=[(_short(r["game"]), r.value(f"{m}_start"), r.value(f"{m}_end")) for r in rows])
            for m in ("er", "itp")
        ],
        "ER and ITP before and after training by the patched rule", "perfect", 2, 2.2,
    )  # fmt: skip
    answers = []
    for row in rows:
        side = _apart(row.value("er_end"), row.value("er_start"))
        word = {1: "grows", -1: "shrinks", 0: "does not measurably change"}[side]
        change = number.change(row.value("er_start"), row.value("er_end"))
        answers.append(f"{_short(row['game'])}: the unpaid exploit {word}, ER {change}")
    return Found(answers, [Picture(drawn, "Hollow: before training. Full: after it, by the patched rule.")])


CHAPTERS: dict[str, tuple[str, Callable[[Sequence[Row], Mapping[str, Any]], Found]]] = {
    "transfer": ("Does an exploit learned in one game show in the others, without training there?", _transfer),
    "catalysis": ("Does a first learned exploit open a second one earlier, or wider?", _catalysis),
    "distillation": ("Does an exploit pass from a teacher's transcripts to a student?", _distillation),
    "correction": ("Is an exploit born of RL harder to train out than one born of imitation?", _correction),
    "audit-rate": ("How often must reports be audited, and does announcing audits help?", _audit_rate),
    "scale": ("Does a larger policy learn the exploit sooner, or more of it?", _scale),
    "perfect-reward": ("Does the exploit grow when it can be used but is not paid?", _perfect_reward),
}
