"""Milliseconds from the death of a zygote in its work to its successor's answer, less the program's own time.

python benchmarks/replacement.py [kills]
"""

import os
import signal
import statistics
import sys
import threading
import time
import warnings

from soak import children

from vulngames.sandbox import Sandbox, Test
from vulngames.sandbox.worker import TierRefusedError

PROGRAM_S = 0.3
PROGRAM = f"import time\na, b = map(int, input().split())\ntime.sleep({PROGRAM_S})\nprint(a + b)\n"
SUM = [Test("1 2", "3")]
KILLED_AFTER_S = 0.15
"""Since the program was handed over: while it sleeps."""


def replacement_ms(sandbox: Sandbox) -> float:
    """Kill the one zygote in its work; the program is run again, and must be right."""
    killed = []

    def kill() -> None:
        killed.append(time.perf_counter())
        for pid in children():
            os.kill(pid, signal.SIGKILL)

    timer = threading.Timer(KILLED_AFTER_S, kill)
    timer.start()
    score = sandbox.grade(PROGRAM, SUM).passed
    ended = time.perf_counter()
    timer.join()
    if score != 1:
        raise RuntimeError(f"the program scored {score}, not 1")
    return 1000 * (ended - killed[0] - PROGRAM_S)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    warnings.simplefilter("ignore")
    print(f"{'tier':<4} {'median':>7} {'least':>7} {'most':>7}")
    for tier in ("T3", "T2", "T1", "T0"):
        try:
            with Sandbox(workers=1, tier=tier, allow_unsandboxed=tier == "T0") as sandbox:
                sandbox.grade(PROGRAM, SUM)
                times = sorted(replacement_ms(sandbox) for _ in range(kills))
        except TierRefusedError as refused:
            print(f"{tier:<4} refused: {refused}")
            continue
        print(f"{tier:<4} {statistics.median(times):7.0f} {times[0]:7.0f} {times[-1]:7.0f}")


if __name__ == "__main__":
    main()
