"""Progress on standard error, so that results can be piped: bars at a terminal, and lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from vulngames.printable import one_line
from vulngames.runs import Run

T = TypeVar("T")
PHASES = {"rl": "training", "sft": "imitating", "eval": "sampling", "pretrain": "pretraining"}
"""What a run is at, by its verb."""
# Runs of a study take minutes: the usual half minute would give no estimate between two of them.
_ESTIMATED_OVER_S = 1200.0


def console() -> Console:
    """Where progress goes."""
    return Console(stderr=True)


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar; yields a function that advances it."""
    with _progress(transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda n: progress.advance(task, n)


def counted(what: str, items: Iterable[T], total: int) -> Iterator[T]:
    """The items, with a progress bar."""
    with bar(what, total) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def growing_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar whose total may grow; yields a function that is told what is done, of how much, and shows the bar
    from its first call on."""
    with ExitStack() as shown:
        bars: list[tuple[Progress, TaskID]] = []

        def show(done: int, total: int) -> None:
            if not bars:
                progress = shown.enter_context(_progress(transient=True))
                bars.append((progress, progress.add_task(what, total=None)))
            [(progress, task)] = bars
            progress.update(task, completed=done, total=total)

        yield show


class RunBars:
    """A bar for each run in progress: what it is at, its steps, ER so far, and the time it has left.

    Elsewhere than at a terminal there is a line at the end of each run, and with `detailed` one at each evaluation.
    """

    def __init__(self, progress: Progress, detailed: bool = False) -> None:
        self.progress, self.detailed = progress, detailed
        self.bars: dict[Path, TaskID] = {}
        self._last: dict[Path, str] = {}

    def show(self, path: Path, verb: str, done: int, steps: int | None) -> None:
        """Take in that the run at `path` has done so many of its steps; None: how many there are is not known yet."""
        er, ended = er_so_far(Run(path)), steps is not None and done >= steps
        if path not in self.bars:
            name = escape(one_line(path.name))
            self.bars[path] = self.progress.add_task(name, total=steps, phase=PHASES[verb], er="")
        self.progress.update(self.bars[path], completed=done, total=steps, er=er)
        if ended:
            self.progress.remove_task(self.bars.pop(path))
        if self.progress.console.is_terminal or steps is None:
            return
        if ended:
            self._say(f"{path.name}: finished{er and ', '}{er}")
        elif self.detailed and self._last.get(path, "") != er:
            self._last[path] = er
            self._say(f"{path.name}: {PHASES[verb]}, {done} of {steps} steps, {er}")

    def _say(self, line: str) -> None:
        self.progress.console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)


def run_progress(transient: bool = False) -> Progress:
    """An empty display whose tasks have a `phase` and an `er`; a transient one leaves nothing behind."""
    columns = (
        TextColumn("{task.description}"),
        TextColumn("{task.fields[phase]}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[er]}"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    return _progress(*columns, transient=transient, speed_estimate_period=_ESTIMATED_OVER_S)


def _progress(*columns: ProgressColumn, **how: Any) -> Progress:
    out = console()
    # Elsewhere than at a terminal a bar would be an empty line.
    return Progress(*columns, console=out, disable=not out.is_terminal, **how)


def er_so_far(run: Run) -> str:
    """The exploit ratio of the last evaluation in a few words; empty if there was none."""
    rows = run.metrics()
    if not rows:
        return ""
    er = rows[-1]["er"]
    return f"ER {'not measurable' if er is None else format(er['mean'], '.2f')} at step {rows[-1]['step']}"
