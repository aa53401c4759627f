"""A progress bar that watches a run."""

from __future__ import annotations

from collections.abc import Callable

from vulngames.training.observer import Observer


class Bar(Observer):
    """Shows how many steps are done, of how many."""

    def __init__(self, show: Callable[[int, int], None]) -> None:
        self._show = show

    def on_step(self, done: int, steps: int) -> None:
        self._show(done, steps)
