"""Runs of a study, spread over processes of one thread each, with one progress display for all."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from vulngames import sandbox
from vulngames.train.config import Settled

Told = tuple[str, int, int]
_told: Queue[Told]


def train_all(configs: Mapping[Path, Settled], workers: int) -> None:
    """Bring every run directory to its end, `workers` at a time; finished ones are left as they are.

    The first run that fails ends the study with its error. What is finished stays, and the same call goes on from
    there.
    """
    if any(config.game.startswith("tampering") for config in configs.values()):
        sandbox.warn_of_missing_layers()
    # Spawned, not forked: a worker starts clean, and keeps its imports for all the runs it is given.
    context = multiprocessing.get_context("spawn")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns) as progress:
        told: Queue[Told] = context.Queue()
        bars = _Bars(progress, runs=len(configs))
        with ProcessPoolExecutor(workers, context, _start_worker, (told,)) as pool:
            waiting = {pool.submit(_train, config, path) for path, config in configs.items()}
            try:
                while waiting:
                    done, waiting = wait(waiting, timeout=0.2, return_when=FIRST_EXCEPTION)
                    bars.show(told)
                    for future in done:
                        future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        bars.show(told)


class _Bars:
    """One bar for the study, and one for each run in progress."""

    def __init__(self, progress: Progress, runs: int) -> None:
        self.progress = progress
        self.total = progress.add_task("runs", total=runs)
        self.bars: dict[str, TaskID] = {}

    def show(self, told: Queue[Told]) -> None:
        """Take in everything that the workers have said."""
        while True:
            try:
                name, done, steps = told.get_nowait()
            except Empty:
                return
            if name not in self.bars:
                self.bars[name] = self.progress.add_task(name, total=steps)
            self.progress.update(self.bars[name], completed=done)
            if done == steps:
                self.progress.remove_task(self.bars.pop(name))
                self.progress.advance(self.total)
                if not self.progress.console.is_terminal:
                    self.progress.console.print(f"{name}: finished")


def _start_worker(told: Queue[Told]) -> None:
    # A queue reaches a worker only as it starts; a run is handed over later.
    global _told
    _told = told
    os.environ["OMP_NUM_THREADS"] = "1"
    # Said once by the process that shows the progress.
    warnings.filterwarnings("ignore", message="vulngames.sandbox")
    import torch

    torch.set_num_threads(1)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    # A killed study must not leave workers that go on writing where it is started again.
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _train(config: Settled, path: Path) -> None:
    from vulngames.train.grpo import rl

    def on_step(done: int, steps: int) -> Any:
        _told.put((path.name, done, steps))

    rl(config, path, on_step)
