"""The supervisor: it hands submitted code to zygotes, and reads the answers back as bytes."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from types import TracebackType
from typing import Self

from vulngames.sandbox import answers
from vulngames.sandbox.blame import run_or_blame
from vulngames.sandbox.grade import Backend, Grade, Test
from vulngames.sandbox.limits import Limits
from vulngames.sandbox.memfd import head, memfd, sealed, tail
from vulngames.sandbox.outcome import JSON, Outcome, Status, failure, in_order, last_line, printed
from vulngames.sandbox.tier import TierStatus, tier_status
from vulngames.sandbox.worker import Ending, Pool, package_folder
from vulngames.sandbox.zygote.pace import PATIENCE
from vulngames.sandbox.zygote.split import FAILED, GONE, PASSED, VIOLATED

_GRACE_S = 5.0
_STDERR_TAIL_BYTES = 4096
# Runs that share a process: each takes two descriptors, and one message carries no more than 253.
_BATCH = 16


@dataclass(frozen=True)
class _Run:
    """How the children of a run ended, the bytes each of its files was left with, and the last line of their errors."""

    ending: Ending
    outputs: tuple[bytes, ...]
    last_words: str


class Sandbox(Backend):
    """Runs Python that a model wrote, in processes of its own, and brings back nothing but answers.

    Use it as a context manager, or call `close`. One object serves any number of threads and survives a fork
    of this process. At most `workers` children (default: one per usable core) run at once, the others wait.
    Nothing is started before the first use, which raises UserError if the tier is not available. Submitted code
    has the standard library and no other package, and an empty environment.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        workers: int | None = None,
        tier: str | None = None,
        profile: str = "lean",
        allow_unsandboxed: bool = False,
    ) -> None:
        """`tier`: T3 to T0, or by default the strongest there is; T0 is opt-in, by argument or environment.

        `profile`: what is imported before any code runs, "lean", "full" or "numpy"; UserError if it is not available.
        """
        if sys.platform != "linux":
            raise OSError(f"the sandbox needs Linux; this is {sys.platform}")
        if workers is not None and workers < 1:
            raise ValueError(f"workers is {workers}; it must be at least 1")
        self.limits = limits or Limits()
        self._workers = workers or len(os.sched_getaffinity(0))
        # Keyed by process: after a fork the parent's zygotes, and the state of its locks, are not ours.
        self._pools: dict[int, Pool] = {}
        self._threads: dict[int, ThreadPoolExecutor] = {}
        package_folder(profile)
        self._tier, self._profile = tier, profile
        self._allow_unsandboxed = allow_unsandboxed

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, cls: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the idle zygotes of this process, and wait for what `agrade` began. A later use starts new ones."""
        if threads := self._threads.pop(os.getpid(), None):
            threads.shutdown(cancel_futures=True)
        with contextlib.suppress(KeyError):
            self._pools.pop(os.getpid()).close()

    def stdio(self, code: str, stdins: Sequence[str], batch: bool = False) -> list[Outcome]:
        """Run `code` as a program once for each text of `stdins`, each time in a new process.

        An `OK` outcome holds the whole standard output (invalid UTF-8 replaced). After the first `TIMEOUT`,
        `SECURITY_VIOLATION` or `INFRA_ERROR` the remaining runs are given the same status without running.

        With `batch`, runs share a process for as long as they end well: about three times as fast. Each has a fresh
        `__main__` and streams of its own, but what it changes in other modules the next one finds. The limits hold for
        all that share a process; so one that ends badly after others is run again, first in a new process, and only
        that end counts.
        """
        with sealed(code) as source:
            if batch:
                return in_order(stdins, lambda rest: self._batch(source, rest[:_BATCH]))
            return in_order(stdins, lambda rest: [self._stdio(source, rest[0])])

    def call(self, code: str, entry: str, calls: Sequence[Sequence[JSON]]) -> list[Outcome]:
        """Load `code` and call `entry` with the arguments of each of `calls`, in order and in one process.

        `entry` is a function, "f", or a method of a new instance, "Solution.f"; if the code has only the
        other kind, that is called. `code` is loaded as a module, not as `__main__`. As is usual for problems
        with starter code (LiveCodeBench), `List`, `Counter`, `heappush`, `math` and their like need no
        import, and the recursion limit is 50,000. What is printed is thrown away.

        Arguments and values travel as JSON: a tuple comes back as a list, the keys of a dict as strings; a
        value of another type is a `RUNTIME_ERROR`. An exception fails its own call; the end of the process
        fails the calls not yet answered. The limits hold for all calls together.
        """
        with sealed(code) as source, sealed(json.dumps({"entry": entry, "calls": calls})) as asked:
            run = self._run("call", source, [asked])
        if isinstance(run, Outcome):
            return [run] * len(calls)
        return answers.outcomes(run.outputs[0], len(calls), self._end(run))

    def split(self, code: str, tests: str, entry: str) -> Outcome:
        """Run a trusted test program against `code`, in two processes that exchange nothing but plain data.

        `tests` finds the submission under the name of `entry` ("f", or "Solution" of "Solution.f", whose method makes
        a new instance at each call). If it defines `check`, that is called with it, as HumanEval's tests ask. Values
        may be made of None, bool, int, float, str, list, tuple, set, frozenset and dict; of a class derived from one
        of them comes back a plain one, and another type is an error. Lists, dicts and sets among the arguments are
        changed as the submission changed them; an exception arrives as the builtin of its name, or as RuntimeError.

        `OK` if the tests came to their end, `WRONG` at an AssertionError of theirs. The limits hold for each process,
        that of wall-clock time for both together.
        """
        with sealed(code) as source, sealed(tests) as program:
            run = self._run("split", source, [program], entry=entry)
        if isinstance(run, Outcome):
            return run
        submission, tester = run.ending.codes
        if submission == -signal.SIGSYS:
            return self._end(run, submission)
        if tester == VIOLATED:
            return Outcome(Status.PROTOCOL_VIOLATION, detail="it answered what it was not asked")
        if tester == GONE:
            return answers.unanswered(self._end(run, submission))
        if run.outputs[0] == FAILED:
            return Outcome(Status.WRONG, detail=run.last_words)
        end = self._end(run, tester)
        if end.status is Status.OK and run.outputs[0] != PASSED:
            return Outcome(Status.RUNTIME_ERROR, detail="the tests ended before their end")
        return end

    def grade_all(self, samples: Iterable[tuple[str, Sequence[Test], str | None]]) -> Generator[Grade, None, None]:
        """Grade (code, tests, entry) after (code, tests, entry), as many at once as there are workers; in their order.

        Samples are taken as grades are: no more than two per worker are ahead, so that they may come without end. The
        consumer may stop at any time, and waits then for the samples that are being graded.
        """
        with ThreadPoolExecutor(self._workers, "grade") as threads:
            ahead: deque[Future[Grade]] = deque()
            try:
                for sample in samples:
                    ahead.append(threads.submit(self.grade, *sample))
                    if len(ahead) == 2 * self._workers:
                        yield ahead.popleft().result()
                while ahead:
                    yield ahead.popleft().result()
            finally:
                for waiting in ahead:
                    waiting.cancel()

    async def agrade(self, code: str, tests: Sequence[Test], entry: str | None = None, batch: bool = False) -> Grade:
        """The same as `grade`, for asyncio. A cancelled one that has begun holds its worker to its end."""
        # Threads of our own: those of the event loop look up names for it, which must not wait for programs.
        threads = self._threads.setdefault(os.getpid(), ThreadPoolExecutor(self._workers, "grade"))
        return await asyncio.wrap_future(threads.submit(self.grade, code, tests, entry, batch))

    def describe(self) -> dict[str, object]:
        """What `Backend.describe` says, of the tier in use here, and the profile."""
        return {**self._status().describe(), "profile": self._profile}

    def _stdio(self, source: int, text: str) -> Outcome:
        with sealed(text) as stdin:
            run = self._run("stdio", source, [stdin])
        return run if isinstance(run, Outcome) else printed(self._end(run), run.outputs[0])

    def _batch(self, source: int, stdins: Sequence[str]) -> list[Outcome]:
        """The outcomes of a first part of `stdins`: of those that ended well, or of the first if that did not."""
        with ExitStack() as files:
            inputs = [files.enter_context(sealed(text)) for text in stdins]
            run = self._run("batch", source, inputs)
        if isinstance(run, Outcome):
            return [run]
        marks, *outputs = run.outputs
        well = [printed(self._end(run, 0, output), output) for output in outputs[: len(marks)]]
        if len(well) == len(stdins):
            return well
        output = outputs[len(well)]
        last = printed(self._end(run, output=output), output)
        # Those before it may be why it ended badly.
        return well if well and last.status is not Status.OK else [*well, last]

    def _run(self, mode: str, source: int, inputs: Sequence[int], **request: JSON) -> _Run | Outcome:
        return run_or_blame(partial(self._attempt, mode, source, inputs, request), self._try_out)

    def _try_out(self) -> None:
        with self._pool().worker() as worker:
            worker.try_out(self.limits)

    def _attempt(self, mode: str, source: int, inputs: Sequence[int], request: Mapping[str, JSON]) -> _Run:
        limits = asdict(self.limits)
        for fd in inputs:
            # A child that was lost may have read from it, and its offset is shared.
            os.lseek(fd, 0, os.SEEK_SET)
        with self._pool().worker() as worker, ExitStack() as files:
            stderr = files.enter_context(memfd())
            # Each input has an output, so that none can be taken for another's.
            outputs = [files.enter_context(memfd()) for _ in inputs]
            pairs: list[int] = []
            for pair in zip(inputs, outputs, strict=True):
                pairs += pair
            if mode == "batch":
                outputs.insert(0, files.enter_context(memfd()))
                pairs.insert(0, outputs[0])
                # These are open beside those that the code may open.
                limits["files"] += len(pairs)
            message = json.dumps({"mode": mode, "limits": limits, **request}).encode()
            ending = worker.run(message, (source, stderr, *pairs), self.limits.wall_s + _GRACE_S)
            last_words = last_line(tail(stderr, _STDERR_TAIL_BYTES))
            return _Run(ending, tuple(head(fd, self.limits.output_kb << 10) for fd in outputs), last_words)

    def _end(self, run: _Run, code: int | None = None, output: bytes | None = None) -> Outcome:
        """Return how a child ended; `OK` says only that nothing speaks against its output."""
        limits = self.limits
        code = run.ending.code if code is None else code
        output = run.outputs[0] if output is None else output
        out_of_cpu = code == -signal.SIGKILL and run.ending.cpu_s >= limits.cpu_s
        if run.ending.starved and code == -signal.SIGKILL and not out_of_cpu:
            got = f"{run.ending.cpu_s:.1f} s of processor in {PATIENCE * limits.wall_s:g} s"
            return Outcome(Status.INFRA_ERROR, detail=f"the machine was too busy: {got}")
        if (run.ending.timed_out and code != 0) or out_of_cpu or code == -signal.SIGXCPU:
            return Outcome(Status.TIMEOUT, detail=f"over {limits.wall_s} s, or {limits.cpu_s} s of processor")
        if len(output) >= limits.output_kb << 10:
            return Outcome(Status.OUTPUT_LIMIT, detail=f"over {limits.output_kb} KiB of output")
        if code == -signal.SIGSYS:
            return Outcome(Status.SECURITY_VIOLATION, detail="killed at a forbidden system call")
        if code < 0:
            return failure(f"killed by signal {-code}")
        if code > 0:
            return failure(run.last_words or f"exit status {code}")
        return Outcome(Status.OK)

    def _pool(self) -> Pool:
        try:
            return self._pools[os.getpid()]
        except KeyError:
            status = self._status()
            status.warn()
            return self._pools.setdefault(os.getpid(), Pool(self._workers, status.tier, self._profile))

    def _status(self) -> TierStatus:
        return tier_status(self._tier, self._allow_unsandboxed)
