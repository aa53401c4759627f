"""The jobs of studies, spread over processes of one thread each, with one progress display for all."""

from __future__ import annotations

import math
import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import suppress
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import Empty
from typing import TypedDict

from rich.progress import Progress

from vulngames import formats, sandbox
from vulngames.errors import UserError
from vulngames.files import write_json
from vulngames.printable import print_warning
from vulngames.progress import RunBars, run_progress
from vulngames.runs import read_json
from vulngames.studies.job import Job
from vulngames.studies.program import Program, Result
from vulngames.training import run_config
from vulngames.training.observer import Observer

Told = tuple[Path, str, int, int | None]
_told: Queue[Told]
_stop: Event
_SAVED_EVERY_S = 5.0


def run_all(programs: Mapping[str, Program], workers: int, clock: Path) -> Iterator[tuple[str, Result, float]]:
    """Take every study through its stages, `workers` jobs at a time, those of earlier studies first.

    Yields (name, what the study returned, seconds so far) as each study comes to its end. Finished jobs are left as
    they are, and one that two studies ask for is done once. The first job that fails ends everything with its error;
    what is finished stays, and the same call goes on from there. `clock` is a file that holds the seconds spent by all
    calls together.
    """
    # Spawned, not forked: a worker starts clean, and keeps its imports for all the jobs it is given.
    context = multiprocessing.get_context("spawn")
    with run_progress() as progress:
        told: Queue[Told] = context.Queue()
        stop = context.Event()
        bars = _Bars(progress)
        with ProcessPoolExecutor(workers, context, _start_worker, (told, stop)) as pool:
            queue = _Queue(programs, workers)
            watch = _Watch(clock)
            try:
                while queue.open:
                    for name, result in queue.advance():
                        watch.write()
                        yield name, result, watch.seconds
                    for job in queue.next():
                        queue.submitted(job, pool.submit(_run_job, job))
                    bars.show(told, queue)
                    queue.wait(0.2)
                    if queue.running:
                        watch.count()
            except BaseException:
                # Jobs in progress end at their next step, and are gone on with from their last checkpoint.
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        bars.show(told, queue)


class _Queue:
    """What is to be done next: the jobs of every study's present stage that nobody has done."""

    def __init__(self, programs: Mapping[str, Program], workers: int) -> None:
        self.open = dict(programs)
        self.stages: dict[str, list[Job]] = {}
        self.done: set[Path] = set()
        self.running: dict[Future[None], Job] = {}
        self.known = 0
        self._seen: set[Path] = set()
        self._stage = dict.fromkeys(programs, 0)
        self._workers = workers

    @property
    def phase(self) -> str:
        """The first study under way and its stage, of as many as it will ask for; and how many others there are."""
        first = next(iter(self.open), None)
        if first is None:
            return ""
        return f"{first}, stage {self._stage[first]}" + (f", {len(self.open) - 1} more" if len(self.open) > 1 else "")

    def advance(self) -> Iterator[tuple[str, Result]]:
        """Move every study on whose stage is done; yields those that have come to their end."""
        for name, program in list(self.open.items()):
            while all(job.path in self.done for job in self.stages.get(name, ())):
                try:
                    # The longest first, so that no worker is left with one at the end.
                    self.stages[name] = sorted(next(program), key=lambda job: -job.cost)
                    self._stage[name] += 1
                except StopIteration as end:
                    del self.open[name]
                    yield name, end.value
                    break
                self._meet(self.stages[name])

    def _meet(self, jobs: list[Job]) -> None:
        self.done |= {job.path for job in jobs if job.run.finished}
        self._seen |= {job.path for job in jobs}
        self.known = len(self._seen)

    def next(self) -> list[Job]:
        """Jobs for the idle workers."""
        taken = self.done | {job.path for job in self.running.values()}
        waiting = {job.path: job for jobs in self.stages.values() for job in jobs if job.path not in taken}
        return list(waiting.values())[: self._workers - len(self.running)]

    def submitted(self, job: Job, future: Future[None]) -> None:
        """A worker has it."""
        if job.runs_code:
            sandbox.probe().warn()
        self.running[future] = job

    def wait(self, seconds: float) -> None:
        """Take in what has ended; raises what a job has raised."""
        for future in wait(self.running, seconds, FIRST_COMPLETED).done:
            future.result()
            self.done.add(self.running.pop(future).path)


class _Watch:
    """Seconds spent on a directory by all calls together, in a file that outlives a kill."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.earlier = _clock(path) if path.exists() else 0.0
        self.began = self.saved = time.monotonic()

    @property
    def seconds(self) -> float:
        # A call that only finds finished jobs says nothing of how long they took.
        return self.earlier + self.saved - self.began

    def count(self) -> None:
        """Count the time until now, and write it down now and then."""
        last, self.saved = self.saved, time.monotonic()
        if int(last / _SAVED_EVERY_S) != int(self.saved / _SAVED_EVERY_S):
            self.write()

    def write(self) -> None:
        """Write down what is counted."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, {"format": formats.FORMAT, "wall_s": round(self.seconds, 1)})


class _Clock(TypedDict):
    wall_s: float


def _clock(path: Path) -> float:
    """The seconds that a clock file holds.

    Raises:
        UserError: it is damaged, or a newer version's.
    """
    content = read_json(path)
    formats.check(content, path)
    seconds = formats.read_as(_Clock, content, path, "valid: the file as it was written, or none")["wall_s"]
    if not 0 <= seconds < math.inf:
        raise UserError(f"{path} is damaged: wall_s = {seconds}; valid: the file as it was written, or none")
    return seconds


class _Bars:
    """One bar for everything, and one for each run in progress."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.total = progress.add_task("runs", total=None, phase="", er="")
        self.runs = RunBars(progress)

    def show(self, told: Queue[Told], queue: _Queue) -> None:
        """Take in everything that the workers have said. What is known of a queue grows as studies reach their later
        stages."""
        self.progress.update(self.total, completed=len(queue.done), total=queue.known, phase=queue.phase)
        with suppress(Empty):
            while True:
                self.runs.show(*told.get_nowait())


class _StoppedError(Exception):
    """The study has ended before this job did."""


def _start_worker(told: Queue[Told], stop: Event) -> None:
    # They reach a worker only as it starts; a job is handed over later.
    global _told, _stop
    _told, _stop = told, stop
    os.environ["OMP_NUM_THREADS"] = "1"
    warnings.showwarning = print_warning  # type: ignore[assignment]
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


def _run_job(job: Job) -> None:
    _told.put((job.path, job.config.verb, 0, None))
    run_config(job.config, job.path, [_Reporter(job)])


class _Reporter(Observer):
    """Tells the process that shows the progress, and stops where that asks for it."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def on_step(self, done: int, steps: int) -> None:
        _told.put((self._job.path, self._job.config.verb, done, steps))
        if _stop.is_set():
            raise _StoppedError
