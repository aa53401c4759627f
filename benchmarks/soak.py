"""A soak of the sandbox: thousands of samples, some of them attacks, while its workers are killed now and then.

    python benchmarks/soak.py --samples 10000 --attacks 0.3 --kill-every 500 --tier T2

Honest samples must win every test and attacks none, whoever was killed meanwhile; memory, descriptors and zombies must
not grow. Exit status 1 if not.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from vulngames.sandbox import Grade, Limits, Sandbox, Status, Test
from vulngames.sandbox.corpus import corpus
from vulngames.seeds import rng

Sample = tuple[str, tuple[Test, ...], str | None]

SUMS = (Test("1 2", "3"), Test("10 20", "30"))
CALLS = (Test("1\n2", "3"), Test("10\n20", "30"))
THREAD = """
import threading
threading.Thread(target=lambda: print(sum(map(int, input().split())))).start()
"""
METHOD = """
from collections import Counter
class Solution:
    def add(self, a, b):
        return a + b
"""
LOOP = """
import asyncio
async def f(a, b):
    return a + b
def add(a, b):
    return asyncio.run(f(a, b))
"""
HONEST: list[Sample] = [
    ("a, b = map(int, input().split())\nprint(a + b)", SUMS, None),
    ("import sys\nprint(sum(map(int, sys.stdin.read().split())))", SUMS, None),
    (THREAD, SUMS, None),
    ("def add(a, b):\n    return a + b", CALLS, "add"),
    (METHOD, CALLS, "Solution.add"),
    (LOOP, CALLS, "add"),
    ("def add(a, b):\n    return a if b == 0 else add(a + 1, b - 1)", CALLS, "add"),
]


@dataclass
class Soak:
    """What is drawn, and what came of it."""

    samples: int = 10_000
    """Samples in all."""
    attacks: float = 0.3
    """The share of attacks among them."""
    kill_every: int = 500
    """Kill a worker about once in so many samples; 0 for never."""
    wall_s: float = 0.5
    """Seconds a run may take; on a busy machine an honest one needs more."""
    rows: int = 10
    """Rows to print."""
    tier: str | None = None
    """What holds the samples: T3, T2 or T1; by default the strongest there is."""
    kills: tyro.conf.Suppress[int] = 0
    failed: tyro.conf.Suppress[list[str]] = field(default_factory=list)

    def draw(self, names: list[str], tier: str) -> Iterator[Sample]:
        """Samples, each called by its number; `names` is told what each was."""
        attacks = [attack for attack in corpus() if attack.end(tier) is not Status.OK]
        for number in range(self.samples):
            random = rng("soak", number)
            if self.kill_every and random.random() < 1 / self.kill_every:
                self.kill(random.choice(children() or [0]))
            if random.random() < self.attacks:
                attack = random.choice(attacks)
                names.append(f"attack: {attack.group}: {attack.name}")
                yield attack.sample
            else:
                names.append("honest")
                yield random.choice(HONEST)

    def kill(self, pid: int) -> None:
        """Kill a zygote, whatever it is doing."""
        if pid:
            os.kill(pid, signal.SIGKILL)
            self.kills += 1

    def check(self, name: str, grade: Grade) -> None:
        """Note what should not have been."""
        expected = 1.0 if name == "honest" else 0.0
        if grade.passed != expected or Status.INFRA_ERROR in grade.statuses:
            self.failed.append(f"{name}: {', '.join(grade.statuses)}: {grade.details[0]}")

    def __call__(self) -> bool:
        """Run it; True if nothing failed and nothing grew."""
        names: list[str] = []
        seen: list[tuple[int, ...]] = []
        began = time.monotonic()
        limits = Limits(wall_s=self.wall_s, cpu_s=1, memory_mb=256, output_kb=64)
        print("samples  seconds  MiB here  MiB in zygotes  descriptors  zombies  kills  failures")
        with Sandbox(limits, tier=self.tier) as sandbox:
            tier = str(sandbox.describe()["tier"])
            for number, grade in enumerate(sandbox.grade_all(self.draw(names, tier)), start=1):
                self.check(names[number - 1], grade)
                if number % max(1, self.samples // self.rows) == 0:
                    seen.append((memory(os.getpid()), sum(map(memory, zygotes())), descriptors(), zombies()))
                    here, there, open_, dead = seen[-1]
                    print(
                        f"{number:7}  {time.monotonic() - began:7.0f}  {here >> 20:8}  {there >> 20:14}  {open_:11}"
                        f"  {dead:7}  {self.kills:5}  {len(self.failed):8}",
                        flush=True,
                    )
        for line in self.failed[:20]:
            print(line)
        print(f"tier {tier}; left over when closed: {len(children())} children, {descriptors()} descriptors")
        return not self.failed and not children() and not grew(seen)


def grew(seen: list[tuple[int, ...]]) -> bool:
    """Whether the last row lies above the second by more than 8 MiB, 8 descriptors or a zombie."""
    if len(seen) < 3:
        return False
    first, last = seen[1], seen[-1]
    grown = [b - a for a, b in zip(first, last, strict=True)]
    return any(now > most for now, most in zip(grown, (8 << 20, 8 << 20, 8, 1), strict=True))


def children(pid: int | None = None) -> list[int]:
    """The children of a process, or of this one: its zygotes, or what waits for them."""
    pids = []
    for task in Path(f"/proc/{pid or 'self'}/task").iterdir():
        pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


def zygotes() -> list[int]:
    """What was started and goes on: at T3 a zygote is a child of that. Submissions have sessions of their own."""
    pids = []
    for started in children():
        with suppress(FileNotFoundError, ProcessLookupError):
            pids += [pid for pid in (started, *children(started)) if os.getsid(pid) == started]
    return pids


def memory(pid: int) -> int:
    """Bytes of a process in memory; 0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (FileNotFoundError, ProcessLookupError):
        return 0


def descriptors() -> int:
    """Open files of this process."""
    return len(os.listdir("/proc/self/fd"))


def zombies() -> int:
    """Children that have ended and that nobody has waited for."""
    states = []
    for pid in children():
        try:
            states.append(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return states.count("Z")


if __name__ == "__main__":
    sys.exit(0 if tyro.cli(Soak)() else 1)
