"""Many samples at once: in order, no further ahead than there is room, and whole whoever dies."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vulngames.errors import UserError
from vulngames.sandbox import Grade, Limits, Sandbox, Status, Test, tier
from vulngames.sandbox.sandbox import Sandbox as Class
from vulngames.sandbox.worker import Ending, TierRefusedError, Worker, WorkerLostError

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux"),
    pytest.mark.filterwarnings("ignore:vulngames.sandbox runs at tier"),
]

SUM = (Test("1 2", "3"), Test("10 20", "30"))
ADDS = "a, b = map(int, input().split())\nprint(a + b)"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(wall_s=2, cpu_s=2)) as sandbox:
        yield sandbox


def numbered(n: int) -> tuple[str, tuple[Test, ...], None]:
    """A sample that prints its number, and takes longer the smaller it is."""
    return f"import time\ntime.sleep({0.02 * (n % 3 == 0)})\nprint({n})", (Test("", str(n)),), None


def children() -> list[int]:
    pids = []
    for task in Path("/proc/self/task").iterdir():
        pids += [int(pid) for pid in (task / "children").read_text().split()]
    return pids


def test_grades_come_in_the_order_of_the_samples(sandbox: Sandbox) -> None:
    assert [grade.passed for grade in sandbox.grade_all(map(numbered, range(30)))] == [1.0] * 30


@settings(max_examples=15)
@given(workers=st.integers(1, 4), taken=st.integers(1, 12))
def test_samples_are_taken_no_faster_than_grades(workers: int, taken: int) -> None:
    drawn = 0

    def endless() -> Iterator[Any]:
        nonlocal drawn
        for n in itertools.count():
            drawn += 1
            yield numbered(n)

    class Instant(Class):
        def grade(self, code: str, tests: Any, entry: Any = None, batch: bool = False) -> Grade:
            return Grade((Status.OK,), (code[-2:],))

    grades = Instant(workers=workers).grade_all(endless())
    for _ in range(taken):
        next(grades)
        assert drawn <= taken + 2 * workers
    grades.close()
    assert drawn <= taken + 2 * workers


def test_a_consumer_may_stop_or_fail(sandbox: Sandbox) -> None:
    before = threading.active_count()
    for grade in sandbox.grade_all(map(numbered, itertools.count())):
        assert grade.passed == 1.0
        break
    with pytest.raises(ValueError, match="no tests"):
        list(sandbox.grade_all([numbered(0), ("", (), None), numbered(1)]))
    assert threading.active_count() == before
    assert sandbox.grade(ADDS, SUM).passed == 1.0


def test_nothing_is_left_when_closed() -> None:
    before = set(children())
    with Sandbox() as sandbox:
        list(sandbox.grade_all(map(numbered, range(6))))
        assert set(children()) - before
    assert set(children()) == before


def test_from_threads_and_from_asyncio(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as threads:
        graded = list(threads.map(lambda n: sandbox.grade(*numbered(n)), range(16)))
    assert all(grade.passed == 1.0 for grade in graded)

    async def gathered() -> list[Grade]:
        return await asyncio.gather(*(sandbox.agrade(*numbered(n)) for n in range(16)))

    assert all(grade.passed == 1.0 for grade in asyncio.run(gathered()))


def test_a_cancelled_task_leaves_the_sandbox_whole(sandbox: Sandbox) -> None:
    async def cancelled() -> Grade:
        task = asyncio.create_task(sandbox.agrade("while True: pass", (Test("", ""),)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await sandbox.agrade(ADDS, SUM)

    assert asyncio.run(cancelled()).passed == 1.0


class Held(Class):
    """Grades only once it may, and notes what it has begun."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.may, self.begun = threading.Event(), list[str]()

    def grade(self, code: str, tests: Any, entry: Any = None, batch: bool = False) -> Grade:
        self.begun.append(code)
        self.may.wait(20)
        return Grade((Status.OK,), (code,))


def test_a_cancelled_task_keeps_its_place_until_its_program_has_ended() -> None:
    async def main() -> None:
        with Held(workers=1) as sandbox:
            tasks = [asyncio.create_task(sandbox.agrade(name, SUM)) for name in ("first", "second", "third")]
            while not sandbox.begun:
                await asyncio.sleep(0.001)
            tasks[0].cancel()
            tasks[1].cancel()
            with pytest.raises(asyncio.CancelledError):
                await tasks[0]
            assert sandbox.begun == ["first"]
            sandbox.may.set()
            assert (await tasks[2]).details == ("third",)
            assert sandbox.begun == ["first", "third"]

    asyncio.run(main())


def test_the_threads_of_the_event_loop_stay_free() -> None:
    async def main() -> None:
        with Held(workers=2) as sandbox:
            tasks = [asyncio.create_task(sandbox.agrade(str(n), SUM)) for n in range(100)]
            try:
                await asyncio.sleep(0.01)
                await asyncio.wait_for(asyncio.to_thread(lambda: None), 5)
            finally:
                sandbox.may.set()
            assert len(await asyncio.gather(*tasks)) == 100

    before = threading.active_count()
    asyncio.run(main())
    assert threading.active_count() == before


def kill_all() -> None:
    for pid in children():
        os.kill(pid, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_costs_nothing_but_time(workers: int) -> None:
    # The input is read before the kill: a second run must find it whole.
    slow = "import time\na, b = map(int, input().split())\ntime.sleep(0.3)\nprint(a + b)"
    with Sandbox(workers=workers) as sandbox:
        assert sandbox.grade(ADDS, SUM).passed == 1.0
        killer = threading.Timer(0.15, kill_all)
        killer.start()
        grade = sandbox.grade(slow, SUM)
        killer.join()
    assert grade.passed == 1.0, grade


class Sabotaged(Worker):
    """A worker that is lost whenever it is given code that says so."""

    mark: bytes = b"saboteur"
    lost = 0

    def run(self, request: bytes, descriptors: Any, timeout_s: float) -> Ending:
        code = os.pread(descriptors[0], 1000, 0)
        if self.mark in code:
            type(self).lost += 1
            raise WorkerLostError("killed")
        return super().run(request, descriptors, timeout_s)


def test_to_bring_down_the_grader_is_no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vulngames.sandbox.worker.Worker", Sabotaged)
    with Sandbox() as sandbox:
        guilty = sandbox.grade("# saboteur\n" + ADDS, SUM)
        assert guilty.statuses[0] is Status.SECURITY_VIOLATION and guilty.passed == 0 and guilty.error is None
        assert "with this code alone" in guilty.details[0]
        assert sandbox.grade(ADDS, SUM).passed == 1.0


def test_infrastructure_that_is_gone_is_nobody_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sabotaged, "mark", b"")
    monkeypatch.setattr("vulngames.sandbox.worker.Worker", Sabotaged)
    with Sandbox() as sandbox:
        grade = sandbox.grade(ADDS, SUM)
    assert set(grade.statuses) == {Status.INFRA_ERROR} and grade.error == "killed"


class Hasty(Worker):
    """A worker whose children do not come to run within one second."""

    def run(self, request: bytes, descriptors: Any, timeout_s: float) -> Ending:
        if json.loads(request)["limits"]["wall_s"] <= 1:
            raise WorkerLostError("a child ended before it ran any code, status -9")
        return super().run(request, descriptors, timeout_s)


def test_limits_that_no_program_keeps_are_nobody_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vulngames.sandbox.worker.Worker", Hasty)
    with Sandbox(Limits(wall_s=1)) as sandbox:
        assert set(sandbox.grade(ADDS, SUM).statuses) == {Status.INFRA_ERROR}


def test_whoever_brings_down_the_grader_does_it_once_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sabotaged, "lost", 0)
    monkeypatch.setattr("vulngames.sandbox.worker.Worker", Sabotaged)
    with Sandbox() as sandbox:
        grade = sandbox.grade("# saboteur\n" + ADDS, SUM * 10)
    assert set(grade.statuses) == {Status.SECURITY_VIOLATION} and Sabotaged.lost == 3


def test_a_sandbox_says_its_own_tier() -> None:
    forced = Sandbox(tier="T0", allow_unsandboxed=True)
    assert forced.describe()["tier"] == "T0" and Sandbox().describe()["tier"] == tier.probe().tier


class Failing:
    """In the place of a worker: refuses some tiers, and fails at others for reasons of its own."""

    def __init__(self, refused: set[str], failing: dict[str, int]) -> None:
        self.refused, self.failing = refused, failing

    def __call__(self, name: str) -> tuple[str, ...]:
        if name in self.refused:
            raise TierRefusedError(f"{name} is refused")
        if self.failing.get(name, 0) > 0:
            self.failing[name] -= 1
            raise WorkerLostError("it fell silent")
        return ("seccomp",)


@pytest.mark.parametrize(
    ("refused", "failing", "expected"),
    [
        (set(), {}, "T3"),
        ({"T3"}, {}, "T2"),
        ({"T3", "T2", "T1"}, {}, "T0"),
        # A time-out says nothing of the tier: it is tried again, and then given up, not lowered.
        (set(), {"T3": 1}, "T3"),
        (set(), {"T3": 2}, "none"),
        ({"T3"}, {"T2": 2}, "none"),
        ({"T3", "T2", "T1", "T0"}, {}, "none"),
    ],
)
def test_only_a_refusal_lowers_the_tier(
    monkeypatch: pytest.MonkeyPatch, refused: set[str], failing: dict[str, int], expected: str
) -> None:
    monkeypatch.setattr(tier, "layers_of", Failing(refused, failing))
    tier.probe.cache_clear()
    try:
        assert tier.probe().tier == expected
        if expected == "none":
            with pytest.raises(UserError, match="no sandbox can be started here"):
                Sandbox().grade(ADDS, SUM)
    finally:
        tier.probe.cache_clear()


def test_at_t0_nothing_is_said_to_confine_code() -> None:
    assert tier.TierStatus("T0", ()).costs == (tier.UNCONFINED,)
    t2 = tier.TierStatus("T2", ("landlock", "seccomp", "capability_drop", "uid_drop"))
    assert [cost.partition(",")[0] for cost in t2.costs] == ["without namespaces"]


@pytest.mark.slow
def test_a_short_soak() -> None:
    soak = Path(__file__).resolve().parents[1] / "benchmarks" / "soak.py"
    command = [sys.executable, str(soak), "--samples", "200", "--kill-every", "40", "--rows", "4"]
    command += ["--wall-s", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert "0 children" in done.stdout, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:5]]
    assert rows[-1][0] == "200" and rows[-1][-1] == "0" and int(rows[-1][-2]) > 0, done.stdout
