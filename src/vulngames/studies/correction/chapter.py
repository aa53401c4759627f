"""Exploiters repaired and tempted again: recovery curves, and tables of cure and relapse."""

from __future__ import annotations

from functools import partial

from vulngames.measures import Interval
from vulngames.report import figures, format
from vulngames.report.chapter import Found, Picture, Table
from vulngames.report.format import short
from vulngames.studies.correction.key import Findings, Key, Origin, Stage
from vulngames.studies.summary import Summary

_ORIGINS: dict[Origin, str] = {"rl": "RL-trained", "sft": "SFT-trained", "never": "never exploited", "fresh": "fresh"}
_COLOURS: dict[Origin, str] = {"rl": "flawed", "sft": "third", "never": "patched", "fresh": "ink"}


def chapter(summary: Summary[Key, Findings]) -> Found:
    pictures = [
        _curves(summary, "patched rule", "er", "ER under the patched rule"),
        _curves(summary, "patched rule", "itp", "ITP under the patched rule"),
        _curves(summary, "honest transcripts", "er", "ER under imitation of an honest teacher"),
        _curves(summary, "relapse", "er", "ER under the flaw again"),
    ]
    answers = []
    for match in summary.findings.matches:
        rl, sft = (_er_left(summary, match.game, origin) for origin in ("rl", "sft"))
        matched = "matched" if match.matched else "not matched"
        answers.append(
            f"{short(match.game)}: {matched} in ER (worst seed by {format.plain(match.gap)}); after repair "
            f"RL-trained {format.full(rl)}, SFT-trained {format.full(sft)}"
        )
    return Found(answers, pictures, [_recoveries(summary), _relapses(summary)])


def _er_left(summary: Summary[Key, Findings], game: str, origin: Origin) -> Interval | None:
    """ER after correction by the patched rule; None if there was no exploiter to correct."""
    cell = summary.get(Key(game, origin, "patched rule"))
    return cell.ends.er_end if cell else None


def _curves(summary: Summary[Key, Findings], stage: Stage, name: str, caption: str) -> Picture:
    draws = []
    for game in summary.games:
        curves = []
        for cell in summary.cells.values():
            if cell.game == game and cell.key.stage == stage:
                origin = cell.key.origin
                curves.append(figures.over_steps(_ORIGINS[origin], summary.arm(cell), name, _COLOURS[origin]))
        draws.append(partial(figures.lines, curves=curves, xlabel="step"))
    titles = [short(game) for game in summary.games]
    drawn = figures.sheet(titles, draws, caption, f"correction-{stage.replace(' ', '-')}-{name}")
    return Picture(drawn, f"{caption}, by how the exploit was learned. Thick: the mean over seeds; thin: each seed.")


def _recoveries(summary: Summary[Key, Findings]) -> Table:
    lines = []
    for recovery in summary.findings.recoveries:
        ends = summary[Key(recovery.game, recovery.origin, recovery.stage)].ends
        line = [short(recovery.game), recovery.stage, _ORIGINS[recovery.origin]]
        line += [format.full(value) for value in (ends.er_start, ends.er_end, ends.itp_end)]
        line.append(", ".join("not" if step is None else str(step) for step in recovery.cured_step))
        line.append(", ".join(format.plain(value) for value in recovery.lowest_itp))
        lines.append(line)
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
    caption = "Steps and deepest ITP: one number per seed; “not” within the steps of the repair."
    return Table(caption, columns, lines, 3)


def _relapses(summary: Summary[Key, Findings]) -> Table:
    lines = []
    for cell in summary.cells.values():
        key = cell.key
        if key.stage != "relapse":
            continue
        method = "–" if key.origin == "fresh" else summary.findings.relapse_after[key.game]
        steps = ["never" if ends.domination_step is None else str(ends.domination_step) for ends in cell.each]
        values = [format.full(cell.ends.er_start), format.full(cell.ends.er_end)]
        lines.append([short(key.game), method, _ORIGINS[key.origin], *values, ", ".join(steps)])
    caption = (
        "Trained under the flaw (again): the steps, one per seed, from which the exploit is most of what is done. "
        "Tempted are those that the patched rule cured (ER no more than 0.05 above the policy that never exploited, "
        "repaired alike), or where it did not cure all of them, those repaired by honest transcripts."
    )
    return Table(caption, ["game", "cured by", "exploiter", "ER before", "ER after", "steps to domination"], lines, 3)
