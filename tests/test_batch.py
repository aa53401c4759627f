"""Many inputs in one process: the same outcomes as a process each, but for what a program leaves behind."""

import sys
from collections.abc import Iterator
from textwrap import dedent

import pytest

from programs import PROGRAMS
from vulngames.sandbox import Limits, Sandbox, Status, Test

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux"),
    pytest.mark.filterwarnings("ignore:vulngames.sandbox runs at tier"),
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(wall_s=3, cpu_s=3, memory_mb=384, output_kb=64)) as sandbox:
        yield sandbox


ODD = {
    "one input fails": "n = int(input())\nprint(10 // n)",
    "one exits with an error": "import sys\nn = int(input())\nprint(n)\nsys.exit(n == 0)",
    "one exits cleanly": "import sys\nn = int(input())\nprint(n)\nif n == 0: sys.exit(0)\nprint('more')",
    "one leaves at once": "import os\nn = int(input())\nprint(n, flush=True)\nif n == 0: os._exit(0)\nprint('more')",
    "one is killed": "import os\nn = int(input())\nprint(n)\nif n == 0: os.kill(os.getpid(), 9)",
    "one traces": "import ctypes\nn = int(input())\nif n == 0: ctypes.CDLL(None).ptrace(0, 0, 0, 0)\nprint(n)",
    "one writes too much": "n = int(input())\nprint('x' * (1 << 20) if n == 0 else n)",
    "one runs out of memory": "n = int(input())\nx = bytearray(1 << 33) if n == 0 else n\nprint(n)",
    "a thread": "import threading\nn = int(input())\nt = threading.Thread(target=lambda: print(n))\nt.start()",
    "at exit": "import atexit\nn = int(input())\natexit.register(print, n)",
    "an open file": "import os\nn = int(input())\nf = os.fdopen(os.dup(1), 'w')\nf.write(str(n))",
    "closes its input": "import sys\nn = int(input())\nsys.stdin.close()\nprint(n)",
    "closes its output": "import sys, os\nn = int(input())\nprint(n)\nsys.stdout.close()",
    "reads by number": "print(open(0).read().strip())",
    "opens many files": "fs = [open('/dev/null') for _ in range(12)]\nprint(input())",
    "does not parse": "def f(:",
    "leaves a pool of threads": """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
print(pool.submit(int, input()).result())
""",
    "leaves a thread that prints later": """
import threading, time
n = input()
late = lambda: time.sleep(0.005) or print("late", flush=True)
threading.Thread(target=late, daemon=True).start() if n == "5" else time.sleep(0.02)
print(n)
""",
    "leaves an alarm": """
import signal, time
n = input()
signal.setitimer(signal.ITIMER_REAL, 0.005) if n == "5" else time.sleep(0.02)
print(n)
""",
    "hoards memory": "import sys\nn = input()\nsys.held = [*getattr(sys, 'held', []), bytearray(100 << 20)]\nprint(n)",
    "takes most of the time there is": "import time\nn = input()\ntime.sleep(1.0)\nprint(n)",
    "closes its errors": "import sys\nn = input()\nprint(n, file=sys.stderr)\nsys.stderr.close()\nprint(n)",
    "prints what is no text": "input()\nprint('\\udc80')",
    "marks by hand": """
import os
for fd in range(3, 64):
    try: os.write(fd, b"1")
    except OSError: pass
print(input())
""",
}
STDINS = ["3", "5", "0", "7", "2"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_a_batch_ends_as_processes_of_their_own_do(sandbox: Sandbox, name: str) -> None:
    alone, together = (sandbox.stdio(ODD[name], STDINS, batch=batch) for batch in (False, True))
    if name == "marks by hand":
        # Whoever writes on other inputs' outputs spoils them, and earns nothing by it.
        assert all(outcome.output in ("", None) or set(str(outcome.output)) <= set("1\n03572") for outcome in together)
        return
    assert [o.status for o in together] == [o.status for o in alone]
    assert [o.output for o in together] == [o.output for o in alone]


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_honest_programs_pass_in_a_batch(sandbox: Sandbox, name: str) -> None:
    tests = [Test(f"{a} {a + 1}\n", f"{2 * a + 1}\n") for a in range(3)]
    with Sandbox() as usual:
        graded = [usual.grade(dedent(PROGRAMS[name]), tests, batch=batch) for batch in (False, True)]
    assert graded[0].statuses == graded[1].statuses


@pytest.mark.slow
def test_a_time_out_ends_the_batch_as_it_ends_the_others(sandbox: Sandbox) -> None:
    code = "n = int(input())\nwhile n == 0: pass\nprint(n)"
    for batch in (False, True):
        outcomes = sandbox.stdio(code, STDINS, batch=batch)
        assert [o.status for o in outcomes] == [Status.OK] * 2 + [Status.TIMEOUT] * 3


def test_more_inputs_than_one_process_takes(sandbox: Sandbox) -> None:
    outcomes = sandbox.stdio("print(input())", [str(n) for n in range(40)], batch=True)
    assert [o.output for o in outcomes] == [f"{n}\n" for n in range(40)]


def test_expected_outputs_are_nowhere_to_be_found(sandbox: Sandbox) -> None:
    code = (
        "import os, sys\nn = int(input())\nfor fd in range(3, 64):\n"
        "    try: print(os.pread(fd, 100, 0), file=sys.stderr)\n    except OSError: pass\nprint(n)"
    )
    grade = sandbox.grade(code, [Test("1", "SECRET"), Test("2", "SECRET")], batch=True)
    assert grade.passed == 0 and "SECRET" not in "".join(grade.details)
