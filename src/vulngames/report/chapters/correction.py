"""Exploiters repaired and tempted again: recovery curves, and tables of cure and relapse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from vulngames.report import figures, number
from vulngames.report.chapter import Found, Picture, Table
from vulngames.report.figures import Line
from vulngames.report.row import Row, end, games_of, pick, short


def correction(rows: Sequence[Row], summary: Mapping[str, Any]) -> Found:
    games = games_of(rows)
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
        drawn = figures.sheet([short(game) for game in games], draws, caption, f"correction-{stage}-{name}")
        pictures.append(Picture(drawn, f"{caption}, by what the exploit was born of."))
    answers = []
    for match in summary.get("matches", ()):
        left = {born: end(pick(rows, game=match["game"], born=born, stage="repair")) for born in ("rl", "sft")}
        matched = "matched" if match["matched"] else "not matched"
        answers.append(
            f"{short(match['game'])}: {matched} in ER (worst seed by {number.plain(match['gap'])}); after repair "
            f"RL-born {number.full(left['rl'])}, SFT-born {number.full(left['sft'])}"
        )
    return Found(answers, pictures, [_repairs(rows, summary), _relapses(rows, summary)])


def _repairs(rows: Sequence[Row], summary: Mapping[str, Any]) -> Table:
    lines = []
    for found in summary.get("repairs", ()):
        row = pick(rows, game=found["game"], born=found["born"], stage=found["stage"])
        cured = ["not" if step is None else str(step) for step in found["cured_step"]]
        lowest = [number.plain(value) for value in found["lowest_itp"]]
        ends = [number.full(end(row, name)) for name in ("er_start", "er_end", "itp_end")]
        lines.append([short(found["game"]), _STAGES[found["stage"]], _born(found["born"]), *ends])
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
            lines.append([short(row["game"]), cure, _born(row["born"]), *ends, said])
    caption = (
        "Trained under the flaw (again): the steps, one a seed, from which the exploit is most of what is done. "
        "Tempted are those that the patched rule cured (ER no more than 0.05 above the policy that never exploited, "
        "repaired alike), or where it did not cure all of them, those repaired by honest transcripts."
    )
    return Table(caption, ["game", "cured by", "exploiter", "ER before", "ER after", "steps to domination"], lines, 3)


def _born(kind: str) -> str:
    return {"rl": "RL-born", "sft": "SFT-born", "never": "never exploited", "fresh": "fresh"}[kind]


_STAGES = {"repair": "patched rule", "sft repair": "honest transcripts"}
