"""Who is out of time: by the processor time that a program had, whatever else the machine is doing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from vulngames import games
from vulngames.errors import Unscored
from vulngames.games.tampering import edit
from vulngames.sandbox import Limits, Sandbox, Status, Test, tier
from vulngames.sandbox.worker import WorkerLostError
from vulngames.types import Task

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux"),
    pytest.mark.filterwarnings("ignore:vulngames.sandbox runs at tier"),
]

ADD, SUM = (Test("1\n2", "3"), Test("10\n20", "30")), (Test("1 2", "3"), Test("10 20", "30"))
# Each in a session of its own, since the kernel may share the processor out among sessions.
HOGS = """
import os, sys
for _ in range(int(sys.argv[1]) - 1):
    if os.fork() == 0:
        break
os.setsid() if os.getsid(0) != os.getpid() else None
os.write(1, b"%d\\n" % os.getpid())
while True: pass
"""
WORKS = "import time\nwhile time.process_time() < 0.3: pass\n"
PROGRAM = WORKS + "print(sum(map(int, input().split())))"
FUNCTION = WORKS + "def add(a, b): return a + b"
IDLE = {
    "sleeps": "import time\ntime.sleep(60)",
    "sleeps for a little longer than it may": "import time\ntime.sleep(5)\nprint(3)",
    "waits for a lock": "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()",
    "waits for a thread": "import threading\nthreading.Thread(target=threading.Event().wait).start()",
    "stops itself": "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)",
}


def hogs(number: int) -> Iterator[None]:
    """Have processes compute on the one core that this one may use from now on."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    command = [sys.executable, "-I", "-S", "-c", HOGS, str(number)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    pids = [int(process.stdout.readline()) for _ in range(number)]
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        os.sched_setaffinity(0, cores)


@pytest.fixture
def busy() -> Iterator[None]:
    """A machine that gives a program a sixth of its time."""
    yield from hogs(5)


@pytest.fixture
def overloaded() -> Iterator[None]:
    """A machine that gives a program next to nothing."""
    yield from hogs(40)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["T3", "T2", "T1", "T0"])
@pytest.mark.usefixtures("busy")
def test_a_right_program_is_right_on_a_busy_machine(name: str) -> None:
    try:
        tier.layers_of(name)
    except WorkerLostError as error:
        pytest.skip(str(error))
    with Sandbox(Limits(wall_s=0.7, cpu_s=1), workers=1, tier=name, allow_unsandboxed=True) as sandbox:
        assert sandbox.grade(PROGRAM, SUM).statuses == (Status.OK,) * 2
        if name == "T3":
            assert sandbox.grade(PROGRAM, SUM, batch=True).statuses == (Status.OK,) * 2
            assert sandbox.grade(FUNCTION, ADD, "add").statuses == (Status.OK,) * 2
            assert sandbox.split(FUNCTION, "assert add(1, 2) == 3", "add").status is Status.OK


@pytest.mark.slow
@pytest.mark.parametrize("name", IDLE)
@pytest.mark.usefixtures("busy")
def test_who_sleeps_or_waits_is_out_of_time_on_a_busy_machine(name: str) -> None:
    with Sandbox(Limits(wall_s=0.5, cpu_s=1), workers=1) as sandbox:
        grade = sandbox.grade(IDLE[name], SUM)
    assert (set(grade.statuses), grade.error) == ({Status.TIMEOUT}, None)


@pytest.mark.slow
@pytest.mark.parametrize("name", IDLE)
def test_who_sleeps_or_waits_is_out_of_time(name: str) -> None:
    with Sandbox(Limits(wall_s=0.5, cpu_s=1), workers=1) as sandbox:
        grade = sandbox.grade(IDLE[name], SUM)
    assert (set(grade.statuses), grade.error) == ({Status.TIMEOUT}, None)


@pytest.mark.slow
@pytest.mark.usefixtures("overloaded")
def test_on_an_overloaded_machine_who_works_is_not_scored_and_who_sleeps_is_out_of_time() -> None:
    with Sandbox(Limits(wall_s=0.3, cpu_s=1), workers=1) as sandbox:
        works, sleeps = (sandbox.grade(code, SUM) for code in ("while True: pass", "import time; time.sleep(60)"))
        assert set(works.statuses) == {Status.INFRA_ERROR} and "machine was too busy" in str(works.error)
        assert (set(sleeps.statuses), sleeps.error) == ({Status.TIMEOUT}, None)
        tests = [{"input": "1 2", "output": "3"}]
        task = Task("p", (), {"tests": tests, "entry": None, "starter": ""})
        with pytest.raises(Unscored, match="machine was too busy"):
            games.make("tampering-v1", sandbox=sandbox).read(task, (edit("source_code", "while True: pass"),), 1.0, {})


@pytest.mark.slow
def test_who_keeps_the_machine_busy_itself_is_out_of_time() -> None:
    # Only T0 lets a program start others; in sessions of their own, since the kernel may share the processor by those.
    code = (
        "import os\nfor _ in range(40):\n    if os.fork() == 0:\n        os.setsid()\n        break\nwhile True: pass"
    )
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        with Sandbox(Limits(wall_s=0.3, cpu_s=1), workers=1, tier="T0", allow_unsandboxed=True) as sandbox:
            grade = sandbox.grade(code, SUM[:1])
    finally:
        os.sched_setaffinity(0, cores)
    assert (set(grade.statuses), grade.error) == ({Status.TIMEOUT}, None)


@pytest.mark.slow
def test_whoever_computes_for_ever_is_out_of_time() -> None:
    for limits in (Limits(wall_s=0.5, cpu_s=5), Limits(wall_s=5, cpu_s=1), Limits(wall_s=1, cpu_s=1)):
        with Sandbox(limits, workers=1) as sandbox:
            assert set(sandbox.grade("while True: pass", SUM).statuses) == {Status.TIMEOUT}
