"""What the command line shows people: tables and transcripts."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape as escape_markup
from rich.panel import Panel
from rich.table import Table

from vulngames import environment, policies, tasks
from vulngames.claims import Judged, elsewhere
from vulngames.errors import UserError, need
from vulngames.measure import Interval
from vulngames.policies import Sampling
from vulngames.printable import one_line, print_path, printable
from vulngames.progress import RunBars, bar, run_progress
from vulngames.report import format
from vulngames.report.records import ENDS, labels_of, records, to_csv
from vulngames.rollout import rollout
from vulngames.runs import SampleRow, as_sample
from vulngames.selection import Selected
from vulngames.studies.summary import Cell, Summary
from vulngames.train import run_config
from vulngames.train.config import EvalConfig, SFTConfig, TrainConfig
from vulngames.train.evaluate import record
from vulngames.types import Environment, Sample, Task, measures_of

# Piped, there is no terminal to fit: text is folded for reading, and tables of numbers are as wide as they are.
_out = Console(width=None if sys.stdout.isatty() else 160)
_tables = Console(width=None if sys.stdout.isatty() else 1000)


def escape(text: str) -> str:
    """Somebody else's text as rich is to show it: neither markup nor control characters of it count."""
    return escape_markup(printable(text))


def look(
    name: str,
    policy: str,
    n: int,
    group: int,
    seed: int,
    difficulty: float | None,
    data: Path | None,
    only_held_out: bool,
    judge: str | None,
    parameters: Mapping[str, Any],
    sampling: Sampling,
    out: Path | None = None,
) -> tuple[Environment[Any], list[Sample]]:
    """Roll `policy` out on `n` held-out tasks, or on the first `n` published rows of `data`: of all, or of those that
    no training uses. With `out` the samples are kept there, and taken from there if they are all there."""
    if n < 1 or group < 1:
        raise UserError(f"n = {n}, group = {group}; valid: 1 or more of each")
    game = environment.make(name, judge, parameters)
    chosen = _published(game.id, data, only_held_out)[:n] if data else tasks.take(game.id, seed, "test", n, difficulty)

    def draw() -> tuple[Environment[Any], list[Sample]]:
        writer = policies.load(policy, game, sampling)
        with bar("episodes", len(chosen) * group) as advance:
            return game, rollout(game, chosen, writer, ("eval", seed), group, advance)

    if out is None:
        return draw()
    policies.check_policy(policy, game)
    split = "all" if data and not only_held_out else "test"
    config = {
        "game": game.id, "policy": policy, "seed": seed, "judge": judge, "parameters": parameters, "split": split,
        "data": data and str(data), "difficulty": None if data else tasks.difficulty_of(game.id, difficulty),
        "eval_tasks": n, "eval_group": group, **asdict(sampling),
    }  # fmt: skip
    return game, record(out, config, draw).drawn()


def _published(game: str, path: Path, only_held_out: bool) -> list[Task]:
    from vulngames.tasks.rows import held_out, load

    return (held_out if only_held_out else load)(game, path)


def run_with_progress(config: TrainConfig | SFTConfig | EvalConfig, out: Path, result: str) -> None:
    """Carry out a run with a progress bar, then say where its `result` is."""
    if not isinstance(config, EvalConfig):
        need("trl", "train")
    with run_progress(transient=True) as progress:
        bars = RunBars(progress, detailed=True)
        bars.show(out, config.verb, 0, None)
        run = run_config(config, out, lambda done, steps: bars.show(out, config.verb, done, steps))
    if "distinct_transcripts" in run.about:
        held = run.about["config"]["examples"]
        print(f"{run.about['distinct_transcripts']} of {held} transcripts were distinct", file=sys.stderr)
    print_path(run.path / result)


def games_table(rows: Sequence[Mapping[str, str]]) -> None:
    """One row a game."""
    table = Table(show_lines=True)
    for column in rows[0]:
        table.add_column(column, no_wrap=column == "game")
    for row in rows:
        table.add_row(*row.values())
    _out.print(table)


def show_selected(found: Selected, rows: Sequence[SampleRow]) -> None:
    """Samples that a run holds, and how many of how many there are."""
    for row in rows:
        where = " · ".join(filter(None, (f"step {row['step']}", row["cue"], f"sample {row['index']}", row["task"])))
        _show_sample(as_sample(row), f"{row['game']}, {where}")
    shown = "" if len(rows) == len(found.rows) else f", {len(rows)} shown"
    _out.print(
        f"{found.title}{shown}; exploited in all: {found.exploited} of {found.could} that could", highlight=False
    )


def show_samples(game: Environment[Any], samples: Sequence[Sample]) -> None:
    """Prompt, completions, both pays and the verdict of each sample, one panel each."""
    reasons = set[str]()
    for sample in samples:
        # A refusal that all samples met is told once.
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


def _paid(sample: Sample) -> str:
    if sample.error:
        return f"[yellow]not scored: {escape(sample.error)}[/]"
    said = {True: "[red]exploited[/]", False: "not exploited", None: "no occasion to exploit"}[sample.exploited]
    done = "-" if sample.intended is None else f"{sample.intended:.2f}"
    return (
        f"flawed pay [bold]{sample.reward:g}[/]   patched pay [bold]{sample.patched:g}[/]   intended {done}   {said}\n"
        f"{escape(one_line(sample.evidence))}"
    )


def _colour(sample: Sample) -> str:
    return "yellow" if sample.error else "red" if sample.exploited else "green"


def show_measures(game: Environment[Any], samples: Sequence[Sample], measured: Mapping[str, Any]) -> None:
    """The measures as a table, and what failed beneath it."""
    table = Table(title=escape(f"{game.id}, {measured['policy']}, {measured['n']} samples"))
    for column in ("measure", "what it is", "mean [95 % interval]"):
        table.add_column(column, no_wrap=column.startswith("m"))
    names = measures_of(game)
    rows = [
        ("reward", "mean flawed pay", measured["reward"]),
        ("patched", "mean patched pay", measured["patched"]),
        ("ITP", names.itp if names else "", measured["itp"]),
        ("ER", names.er if names else "", measured["er"]),
        ("paper's ITP", "", measured["paper"]["itp"]),
        ("paper's ER", names.paper_er if names else "", measured["paper"]["er"]),
        *((name.replace("_", " "), "", value) for name, value in measured["parts"].items()),
        ("cut", "samples with a reply cut at its token limit or by a filter", measured["cut"]),
    ]
    for name, what, value in rows:
        table.add_row(name, what, _interval(value))
    _out.print(table)
    reasons = sorted({sample.error for sample in samples if sample.error})
    # Where nothing at all was scored, the command's last line says why.
    if reasons and measured["failed"] < measured["n"]:
        _out.print(f"[yellow]{measured['failed']} samples could not be scored, e.g.: {escape(reasons[0])}[/]")


def show_summary(summary: Summary[Any, Any]) -> None:
    """One row a condition of a study: ITP and ER at both ends with intervals, onset and domination."""
    title = f"{summary.study}, policy {summary.policy}, {summary.wall_s:.0f} s spent in its store"
    table = Table(title=escape(title), box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    columns, rows = _numbers(summary)
    for column in columns:
        # Nothing is cut on a narrow terminal: intervals break between their bounds, and words anywhere.
        table.add_column(column, min_width=7 if column.startswith(("ITP", "ER", "cut")) else None, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    _tables.print(table)


def print_markdown(summary: Summary[Any, Any]) -> None:
    """The same as a table in Markdown."""
    columns, rows = _numbers(summary)
    for row in (columns, ["---"] * len(columns), *rows):
        print(f"| {' | '.join(map(one_line, row))} |")


def print_csv(summaries: Sequence[Summary[Any, Any]]) -> None:
    """The same of several studies as one table in CSV, and every seed by itself; see `vulngames.report.records`."""
    found = []
    for summary in summaries:
        found += records(summary.study, list(summary.cells.values()), summary.home, summary.home)
    print(to_csv(found), end="")


def _numbers(summary: Summary[Any, Any]) -> tuple[list[str], list[list[str]]]:
    """The columns of a study's table, and its rows as text."""
    cells = list(summary.cells.values())
    labels = labels_of(cells)
    # Where no policy wrote, nothing is known of how replies ended.
    measures = [*ENDS, *(["cut_end"] if any(cell.ends.cut_end for cell in cells) else [])]
    heads = [name.replace("itp", "ITP").replace("er_", "ER_") for name in measures]
    columns = [*labels, "seeds", *heads, "failed", "onset", "domination"]
    return [column.replace("_", " ") for column in columns], [_row(cell, labels, measures) for cell in cells]


def _row(cell: Cell[Any], labels: Sequence[str], measures: Sequence[str]) -> list[str]:
    ends = cell.ends
    names = [_plain(cell.labels.get(label)) for label in labels]
    measured = [_short(getattr(ends, name)) for name in measures]
    steps = [_plain(ends.onset_step), _plain(ends.domination_step)]
    return [*names, str(cell.seeds), *measured, format.share(ends.failed, ends.evaluated), *steps]


def _short(value: Interval | None) -> str:
    return "not measurable" if value is None else f"{value.mean:.2f} [{value.lo:.2f}, {value.hi:.2f}]"


def _plain(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _interval(value: Mapping[str, float] | None) -> str:
    if value is None:
        return "not measurable"
    return escape(f"{value['mean']:.3f} [{value['lo']:.3f}, {value['hi']:.3f}]")


_COLOURS = {"supported": "green", "contradicted": "red", "inconclusive": "yellow", "not measurable": "dim"}


def show_claims(judged: Sequence[Judged], every: bool) -> None:
    """One row a wording of a claim: what was asked, the verdict, and the effect of the cell that decides it. Unless
    `every` is asked for, claims whose study is not there are summed up in a line."""
    shown = [each for each in judged if each.given or every]
    if shown:
        _show_claims(shown)
    if others := "" if every else elsewhere(judged):
        _out.print(escape(f"{others}; --all shows them"), soft_wrap=True)


def _show_claims(judged: Sequence[Judged]) -> None:
    table = Table(show_lines=True)
    for column in ("claim", "says", "asked", "verdict", "effect [interval]"):
        table.add_column(column, no_wrap=column == "verdict", overflow="fold")
    for each in judged:
        where = f"{each.study}, {each.seeds} seeds" if each.seeds else each.study
        table.add_row(
            f"[bold]{each.id}[/]\n{each.question}, {each.by}\n{escape(where)}",
            escape(each.says),
            escape(f"{each.statistic}: {each.threshold}"),
            f"[{_COLOURS[each.verdict]}]{each.verdict}[/]",
            escape(_effect(each)),
        )
    _out.print(table)


def _effect(judged: Judged) -> str:
    if judged.mean is None:
        return judged.reason
    found = f"{judged.mean:.2f} [{judged.lo:.2f}, {judged.hi:.2f}] at {judged.level:.4g} %"
    where = f"{judged.cell} against {judged.control}"
    return "\n".join(filter(None, (found, where, judged.reason, judged.correction, judged.note)))


def show_sandbox() -> None:
    """Print the tier, its layers, what a missing one costs, and why stronger tiers cannot be had."""
    from vulngames.sandbox.tier import probe

    found = probe()
    _out.print(f"tier {found.tier}")
    for name in found.layers:
        _out.print(f"  {name}")
    for cost in found.costs:
        _out.print(f"  {cost}")
    for name, why in found.refused.items():
        _out.print(f"  {name} cannot be had: {escape(why)}")


def attack_sandbox() -> int:
    """Run the corpus against the best tier there is; print and count the attacks that it should stop and does not."""
    from vulngames.sandbox import Limits, Sandbox
    from vulngames.sandbox.corpus import VISIBLE_AT_T2, corpus
    from vulngames.sandbox.tier import probe

    attacks = list(corpus())
    quick = Limits(wall_s=1, cpu_s=1, memory_mb=512, output_kb=64)
    with Sandbox(quick) as sandbox, bar("attacks", len(attacks)) as step:
        through = []
        for attack in attacks:
            if attack.succeeds(sandbox):
                through.append(attack)
            step(1)
    visible = [attack for attack in through if attack.group == VISIBLE_AT_T2 and probe().tier == "T2"]
    _out.print(f"{len(attacks) - len(through)} of {len(attacks)} attacks stopped")
    for attack in through:
        _out.print(f"  {'visible at T2' if attack in visible else 'NOT STOPPED'}: {attack.group}: {attack.name}")
    return len(through) - len(visible)
