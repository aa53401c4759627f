"""Milliseconds that grading a sample costs on one core, beside the usual design, for a small and for a big parent.

    python benchmarks/sandbox.py [samples]

The usual design, written anew here, is that of many published reward functions: `exec` of the code in a process that
`multiprocessing` forks from the trainer, where it is also compared, with the count of passes sent back on a queue. Both
run on one core, in turn, on the same trivial code and three tests.
"""

import multiprocessing
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

from vulngames.sandbox import Sandbox, Test

FUNCTION = "class Solution:\n    def add(self, a: int, b: int) -> int:\n        return a + b\n"
PROGRAM = "a, b = map(int, input().split())\nprint(a + b)\n"
CALLS = [Test("1\n2", "3"), Test("10\n20", "30"), Test("-4\n9", "5")]
STDINS = [Test("1 2", "3"), Test("10 20", "30"), Test("-4 9", "5")]
BALLAST_BYTES = 2 << 30


def usual_grade(tests: list[Test]) -> float:
    """Grade FUNCTION in a fork of this process. Its usual memory limit is left out: it fails every big parent."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=usual_child, args=(FUNCTION, tests, queue))
    process.start()
    passed: int = queue.get(timeout=10)
    process.join()
    return passed / len(tests)


def usual_child(code: str, tests: list[Test], queue: Any) -> None:
    namespace: dict[str, Any] = {}
    exec(code, namespace)
    passed = 0
    for test in tests:
        arguments = [int(line) for line in test.input.split("\n")]
        passed += str(namespace["Solution"]().add(*arguments)).strip() == test.output
    queue.put(passed)


def milliseconds(grade: Callable[[], float], samples: int) -> list[float]:
    """Return the sorted times of `samples` gradings, each of which must score 1."""
    times = []
    for _ in range(samples):
        start = time.perf_counter()
        score = grade()
        times.append(1000 * (time.perf_counter() - start))
        if score != 1:
            raise RuntimeError(f"{grade} scored {score}, not 1")
    return sorted(times)


def measure(parent: str, sandbox: Sandbox, samples: int) -> None:
    graders: dict[str, Callable[[], float]] = {
        "function, 3 calls": lambda: sandbox.grade(FUNCTION, CALLS, "Solution.add").passed,
        "program, 3 inputs": lambda: sandbox.grade(PROGRAM, STDINS).passed,
        "the same, batched": lambda: sandbox.grade(PROGRAM, STDINS, batch=True).passed,
        "usual, 3 calls": lambda: usual_grade(CALLS),
    }
    times = {name: milliseconds(grade, samples) for name, grade in graders.items()}
    usual = statistics.median(times["usual, 3 calls"])
    for name, taken in times.items():
        median, low, high = statistics.median(taken), taken[samples // 10], taken[samples * 9 // 10]
        print(f"{parent:>6} {name:<18} {median:7.2f} {low:7.2f} {high:7.2f} {1000 / median:9.0f} {usual / median:9.1f}")


def main() -> None:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    warnings.simplefilter("ignore")
    print(f"{'parent':>6} {'what':<18} {'median':>7} {'p10':>7} {'p90':>7} {'samples/s':>9} {'x faster':>9}")
    with Sandbox() as sandbox:
        measure("tiny", sandbox, samples)
        # Small objects, as a trainer has them: one big block could sit in huge pages, which are cheap to fork.
        ballast = [bytearray(4000) for _ in range(BALLAST_BYTES // 4000)]
        measure("2 GB", sandbox, samples)
    with Sandbox() as late:
        measure("2 GB*", late, samples)
    print(f"* its zygote started after the parent had grown to hold {len(ballast):,} objects")


if __name__ == "__main__":
    main()
