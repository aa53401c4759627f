"""What the command line shows people: tables and transcripts."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape as escape_markup
from rich.panel import Panel
from rich.table import Table

from vulngames.printable import one_line, printable
from vulngames.runs import as_sample
from vulngames.types import WELL_FORMED, Environment, Sample, measures_of

if TYPE_CHECKING:
    from vulngames.claims import Judged
    from vulngames.measures import Interval
    from vulngames.runs import SampleRow
    from vulngames.sandbox.corpus import Attack
    from vulngames.selection import Selected
    from vulngames.studies.summary import Cell, Summary

# Piped, there is no terminal to fit: text is folded for reading, and tables of numbers are as wide as they are.
_out = Console(width=None if sys.stdout.isatty() else 160)
_tables = Console(width=None if sys.stdout.isatty() else 1000)


def escape(text: str) -> str:
    """Somebody else's text as rich is to show it: neither markup nor control characters of it count."""
    return escape_markup(printable(text))


def games_table(rows: Sequence[Mapping[str, str]]) -> None:
    """One row per game."""
    table = Table(show_lines=True)
    for column in rows[0]:
        table.add_column(column, no_wrap=column == "game")
    for row in rows:
        table.add_row(*row.values())
    _out.print(table)


def show_selected(selected: Selected, rows: Sequence[SampleRow]) -> None:
    """Samples that a run holds, and how many of how many there are."""
    for row in rows:
        where = " · ".join(filter(None, (f"step {row['step']}", row["cue"], f"sample {row['index']}", row["task"])))
        _show_sample(as_sample(row), f"{row['game']}, {where}")
    shown = "" if len(rows) == len(selected.rows) else f", {len(rows)} shown"
    exploited = f"exploited in all: {selected.exploited} of {selected.could} that could"
    if selected.well_formed is not None:
        exploited += f", {selected.well_formed} of them well-formed"
    _out.print(f"{selected.title}{shown}; {exploited}", highlight=False)


def show_samples(game: Environment, samples: Sequence[Sample]) -> None:
    """Prompt, completions, what they were paid and the verdict of each sample, one panel each."""
    reasons = set[str]()
    for sample in samples:
        # A reason that all samples share is shown once.
        shown = replace(sample, error="as above") if sample.error in reasons else sample
        reasons |= {sample.error} - {""}
        _show_sample(shown, f"{game.id} ({sample.cue})" if sample.cue else game.id)


def _show_sample(sample: Sample, title: str) -> None:
    lines = []
    for place, text in enumerate(sample.completions):
        if 0 < place <= len(sample.asked):
            lines.append(f"[dim]{escape(sample.asked[place - 1])}[/]")
        lines.append(f"[bold]{_how(sample, place)}[/] {escape(text)}")
    wrote = "\n".join(lines)
    body = f"[dim]{escape(sample.prompt)}[/]\n\n{wrote}\n\n{_paid(sample)}"
    _out.print(Panel(body, title=escape(one_line(title)), title_align="left", border_style=_colour(sample)))


def _how(sample: Sample, place: int) -> str:
    finish = sample.finish[place] if place < len(sample.finish) else "stop"
    return ("wrote" if place == 0 else "then") + ("" if finish == "stop" else f" (cut: {finish})")


_EXPLOITED = {True: "[red]exploited[/]", False: "not exploited", None: "no occasion to exploit"}


def _paid(sample: Sample) -> str:
    if sample.error:
        return f"[yellow]not scored: {escape(sample.error)}[/]"
    if sample.patched is None:
        return f"reward [bold]{sample.reward:g}[/]"
    done = "-" if sample.intended is None else f"{sample.intended:.2f}"
    return (
        f"flawed pay [bold]{sample.reward:g}[/]   patched pay [bold]{sample.patched:g}[/]   intended {done}   "
        f"{_EXPLOITED[sample.exploited]}{_formed(sample)}\n{escape(one_line(sample.evidence))}"
    )


def _formed(sample: Sample) -> str:
    """Said of debris alone: a clean instance is what an exploit is taken for."""
    return ", not well-formed" if sample.parts.get(WELL_FORMED) == 0 else ""


def _colour(sample: Sample) -> str:
    if sample.error:
        return "yellow"
    return "red" if sample.exploited else "green"


def show_measures(game: Environment, samples: Sequence[Sample], measured: Mapping[str, Any]) -> None:
    """The measures as a table, and what failed beneath it."""
    table = Table(title=escape(f"{game.id}, {measured['policy']}, {measured['n']} samples"))
    for column in ("measure", "what it is", "mean [95 % interval]"):
        table.add_column(column, no_wrap=column.startswith("m"))
    names = measures_of(game)
    if names is None:
        rows = [("reward", "mean reward", measured["reward"])]
    else:
        rows = [
            ("reward", "mean flawed pay", measured["reward"]),
            ("patched", "mean patched pay", measured["patched"]),
            ("ITP", names.itp, measured["itp"]),
            ("ER", names.er, measured["er"]),
            ("paper's ITP", "", measured["paper"]["itp"]),
            ("paper's ER", names.paper_er, measured["paper"]["er"]),
            *(
                (name.replace("_", " "), names.well_formed if name == WELL_FORMED else "", value)
                for name, value in measured["parts"].items()
            ),
        ]
    rows.append(("cut", "samples with a reply cut at its token limit or by a filter", measured["cut"]))
    for name, what, value in rows:
        table.add_row(name, what, _interval(value))
    _out.print(table)
    reasons = sorted({sample.error for sample in samples if sample.error})
    # Where nothing at all was scored, the command's last line says why.
    if reasons and measured["failed"] < measured["n"]:
        _out.print(f"[yellow]{measured['failed']} samples could not be scored, e.g.: {escape(reasons[0])}[/]")


def show_summary(summary: Summary) -> None:
    """One row per condition of a study: ITP and ER at both ends with intervals, how many seeds open and at which ER,
    onset and domination by seed."""
    title = f"{summary.study}, policy {summary.policy}, {summary.wall_s:.0f} s spent in its store"
    table = Table(title=escape(title), box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    columns, rows = _numbers(summary)
    for column in columns:
        # Nothing is cut on a narrow terminal: intervals break between their bounds, and words anywhere.
        table.add_column(column, min_width=7 if column.startswith(("ITP", "ER", "cut")) else None, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    _tables.print(table)
    _out.print(escape(_intervals(summary)))


def print_markdown(summary: Summary) -> None:
    """The same as a table in Markdown."""
    columns, rows = _numbers(summary)
    for row in (columns, ["---"] * len(columns), *rows):
        print(f"| {' | '.join(map(one_line, row))} |")
    print(f"\n{_intervals(summary)}")


def _intervals(summary: Summary) -> str:
    """What the intervals of a study's table hold."""
    said = (
        "Intervals are 95 %: of a mean over seeds, for any distribution of seeds; at the start of seeds that share one "
        "policy, of sampling alone."
    )
    lonely = any(cell.seeds < 2 for cell in summary.cells.values())
    return f"{said} Of a single seed they are of that run alone, and say nothing of other seeds." if lonely else said


def print_csv(summaries: Sequence[Summary]) -> None:
    """The same of several studies as one table in CSV, and every seed by itself; see `vulngames.report.records`."""
    from vulngames.report.records import records, to_csv

    table = []
    for summary in summaries:
        table += records(summary.study, list(summary.cells.values()), summary.home, summary.home)
    print(to_csv(table), end="")


def _numbers(summary: Summary) -> tuple[list[str], list[list[str]]]:
    """The columns of a study's table, and its rows as text."""
    from vulngames.report.records import ENDS, labels_of

    cells = list(summary.cells.values())
    labels = labels_of(cells)
    # Where no policy wrote, nothing is known of how replies ended; nor of exploits where there were none.
    more = ("cut_end", "well_formed_end")
    measures = [*ENDS, *(name for name in more if any(getattr(cell.ends, name) for cell in cells))]
    heads = [name.replace("itp", "ITP").replace("er_", "ER_") for name in measures]
    columns = [*labels, "seeds", *heads, "failed", "opens", "ER, open", "onset", "domination"]
    return [column.replace("_", " ") for column in columns], [_row(cell, labels, measures) for cell in cells]


def _row(cell: Cell, labels: Sequence[str], measures: Sequence[str]) -> list[str]:
    from vulngames.report import format

    ends = cell.ends
    names = [_plain(cell.labels.get(label)) for label in labels]
    measured = [_short(getattr(ends, name)) for name in measures]
    opens = f"{format.opens(ends.opened, ends.judged)} {_bounds(ends.opens)}".strip()
    er_opened = "-" if ends.er_opened is None else _short(ends.er_opened)
    judged = [run for run in cell.each if run.opened is not None]
    steps = [format.steps([getattr(run, name) for run in judged]) for name in ("onset_step", "domination_step")]
    failed = format.share(ends.failed, ends.evaluated)
    return [*names, str(cell.seeds), *measured, failed, opens, er_opened, *steps]


def _short(value: Interval | None) -> str:
    return "not measurable" if value is None else f"{value.mean:.2f} {_bounds(value)}"


def _bounds(value: Interval | None) -> str:
    return "" if value is None else f"[{value.lo:.2f}, {value.hi:.2f}]"


def _plain(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _interval(value: Mapping[str, float] | None) -> str:
    if value is None:
        return "not measurable"
    return escape(f"{value['mean']:.3f} [{value['lo']:.3f}, {value['hi']:.3f}]")


_COLOURS = {"supported": "green", "contradicted": "red", "inconclusive": "yellow", "not measurable": "dim"}


def show_claims(judged: Sequence[Judged], *lines: str) -> None:
    """One row per variant of a claim and whose measures it is judged by: what was asked, the verdict, and the effect of
    the cell that decides it; and `lines` below, those that are not empty."""
    if judged:
        _show_claims(judged)
    for line in filter(None, lines):
        _out.print(escape(line), soft_wrap=True)


def _show_claims(judged: Sequence[Judged]) -> None:
    table = Table(show_lines=True)
    for column in ("claim", "says", "asked", "verdict", "effect [interval]"):
        table.add_column(column, no_wrap=column == "verdict", overflow="fold")
    for claim in judged:
        where = f"{claim.study}, {claim.seeds} seeds" if claim.seeds else claim.study
        table.add_row(
            f"[bold]{claim.id}[/]\n{claim.question}, {claim.by}\n{escape(where)}",
            escape(f"{claim.says}\n({claim.source})"),
            escape(f"{claim.statistic}: {claim.threshold}\n(ITP and ER: {_WHOSE[claim.measures]})"),
            f"[{_COLOURS[claim.verdict]}]{claim.verdict}[/]",
            escape(_effect(claim)),
        )
    _out.print(table)


_WHOSE = {"paper": "the paper's", "ours": "ours"}


def _effect(judged: Judged) -> str:
    if judged.mean is None:
        return judged.reason
    effect = f"{judged.mean:.2f} [{judged.lo:.2f}, {judged.hi:.2f}] at {judged.level:.4g} %"
    where = f"{judged.cell} against {judged.control}"
    return "\n".join(filter(None, (effect, where, judged.reason, judged.correction, judged.note)))


def show_sandbox() -> None:
    """Print the tier, its layers, what a missing one costs, and why stronger tiers are not available."""
    from vulngames.sandbox.tier import probe

    tier = probe()
    _out.print(f"tier {tier.tier}")
    for name in tier.layers:
        _out.print(f"  {name}")
    for cost in tier.costs:
        _out.print(f"  {cost}")
    for name, why in tier.refused.items():
        _out.print(f"  {name} is not available: {escape(why)}")


def show_attacks(attacks: int, through: Sequence[Attack], visible: Sequence[Attack]) -> None:
    """How many attacks were stopped, and each that was not; those `visible` are of a kind that this tier lets
    through."""
    _out.print(f"{attacks - len(through)} of {attacks} attacks stopped")
    for attack in through:
        _out.print(f"  {'visible at T2' if attack in visible else 'NOT STOPPED'}: {attack.group}: {attack.name}")
