"""Progress bars that watch a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vulngames.progress import RunBars, growing_bar
from vulngames.training.observer import Observer


class RunBar(Observer):
    """The bar of one run among several."""

    def __init__(self, bars: RunBars, path: Path, verb: str) -> None:
        self._bars, self._path, self._verb = bars, path, verb
        bars.show(path, verb, 0, None)

    def on_step(self, done: int, steps: int) -> None:
        self._bars.show(self._path, self._verb, done, steps)


@contextmanager
def reply_bar() -> Iterator[Observer]:
    """A bar over the replies of an evaluation; yields its observer."""
    with growing_bar("replies") as show:
        yield _ReplyBar(show)


class _ReplyBar(Observer):
    def __init__(self, show: Callable[[int, int], None]) -> None:
        self._show = show

    def on_step(self, done: int, steps: int) -> None:
        self._show(done, steps)
