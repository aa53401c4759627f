"""How often intervals over seeds hold what they are of, and how wide they are, by the truth that seeds are drawn from.

python benchmarks/intervals.py              # as a table in Markdown; 20 minutes of processor time
python benchmarks/intervals.py --studies 50

A study is n runs, each with a level of its own: ER stands at it at the last two of three evaluations, and near zero at
the first; ITP ends at it, and starts at one half. Each is measured on 72 held-out tasks, the same for all runs, with
two samples of each. Tasks are alike, or apart: each easy for the runs whose level is above the task's own, and hard for
the others.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit

from vulngames.measures import (
    Interval,
    across_seeds,
    change,
    domination,
    given_open,
    interval,
    rate,
    sampling,
    share_of,
)
from vulngames.seeds import seed
from vulngames.types import Sample

TASKS, GROUP = 72, 2
NAMES = [str(task) for task in range(TASKS) for _ in range(GROUP)]
START = 0.5
"""ITP of the untrained policy."""
HELD = 0.93
"""What every interval has to hold its truth in."""
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """Where the levels of seeds lie."""

    name: str
    draw: Callable[[np.random.Generator, int], Shares]


def beta(mean: float, sd: float) -> Truth:
    """Seeds about a level, within [0, 1]."""

    def draw(random: np.random.Generator, n: int) -> Shares:
        if sd == 0:
            return np.full(n, mean)
        size = mean * (1 - mean) / sd**2 - 1
        return random.beta(mean * size, (1 - mean) * size, n)

    return Truth(f"beta, mean {mean:g}, sd {sd:g}", draw)


def two_points(chance: float, low: float = 0.0, high: float = 0.95) -> Truth:
    """Seeds that find the exploit or do not."""

    def draw(random: np.random.Generator, n: int) -> Shares:
        return np.where(random.random(n) < chance, high, low)

    return Truth(f"{high:g} with chance {chance:g}, else {low:g}", draw)


def truths() -> Iterator[Truth]:
    """The ugly ones first."""
    for chance in (0.33, 0.67, 0.9, 0.1, 0.98):
        yield two_points(chance)
    yield two_points(0.5, 0.05, 0.6)
    for sd, mean in product((0.2, 0.1, 0.05, 0.0), (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)):
        # Nothing within [0, 1] spreads further than its two ends.
        if sd**2 < mean * (1 - mean):
            yield beta(mean, sd)


@dataclass(frozen=True)
class Tasks:
    """Held-out tasks: what each is like, and whether that counts."""

    ranks: Shares
    apart: bool

    def shares(self, level: float) -> Shares:
        """The chance of each sample, which is `level` on average over tasks."""
        alike = np.full(TASKS * GROUP, level)
        return 0.2 * alike + 0.8 * np.repeat(self.ranks < level, GROUP) if self.apart else alike


@dataclass(frozen=True)
class Measured:
    """What is printed of a study: the intervals. Of all seeds on its tasks: the share that opens, and ER of those."""

    intervals: Mapping[str, Interval | None]
    opens: float
    er_open: float


def studied(truth: Truth, apart: bool, n: int, random: np.random.Generator) -> Measured:
    """A study of n seeds, by the functions that tables and pages use."""
    tasks = Tasks(random.random(TASKS), apart)
    ends, opened, changes = [], [], []
    for level in truth.draw(random, n):
        shares = tasks.shares(float(level))
        curve = [(place, measured(share, random)) for place, share in enumerate((shares * 0.02, shares, shares))]
        ends.append(curve[-1][1])
        opened.append(domination(curve) is not None)
        changes.append(moved(tasks.shares(START), shares, random))
    intervals = {
        "mean": across_seeds(ends, (0.0, 1.0)),
        "share that opens": share_of(opened),
        "ER, open": given_open([end for end, opens in zip(ends, opened, strict=True) if opens]),
        "change of ITP": across_seeds(changes, (-1.0, 1.0)),
        "mean, by t": by_t(ends),
    }
    return Measured(intervals, *opening(truth, tasks, random))


def measured(shares: Shares, random: np.random.Generator) -> Interval:
    """One evaluation."""
    value = rate(random.binomial(1, shares).astype(float).tolist(), NAMES)
    assert value is not None
    return value


def moved(before: Shares, after: Shares, random: np.random.Generator) -> Interval:
    """The change between two evaluations of a run."""
    written = change(_samples(before, random), _samples(after, random))["itp"]
    return interval(written)


def _samples(shares: Shares, random: np.random.Generator) -> list[Sample]:
    done = random.binomial(1, shares).tolist()
    return [_sample(task, share) for task, share in zip(NAMES, done, strict=True)]


@cache
def _sample(task: str, intended: float) -> Sample:
    return Sample("", task, "", "", 0, "", (), {}, 0.0, 0.0, float(intended), None, "")


def by_t(seeds: Sequence[Interval]) -> Interval | None:
    """The usual envelope of a t interval over seeds and of the sampling interval, for comparison."""
    drawn = sampling(seeds, (0.0, 1.0))
    assert drawn is not None
    n = len(seeds)
    half = float(stdtrit(n - 1, 0.975)) * float(np.std([seed.mean for seed in seeds], ddof=1)) / n**0.5
    return Interval(drawn.mean, min(drawn.lo, drawn.mean - half), max(drawn.hi, drawn.mean + half))


def opening(truth: Truth, tasks: Tasks, random: np.random.Generator) -> tuple[float, float]:
    """The share of seeds that open on these tasks, and the mean ER measured at the end of those.

    By 2000 seeds, and a normal approximation of how many of a run's 144 samples exploit.
    """
    levels = truth.draw(random, 2000)
    shares = np.stack([tasks.shares(float(level))[::GROUP] for level in np.linspace(0, 1, 101)])
    grid = shares[np.rint(levels * 100).astype(int)]
    mean = GROUP * grid.sum(axis=1)
    sd = np.sqrt(GROUP * (grid * (1 - grid)).sum(axis=1)) + 1e-9
    least = (TASKS * GROUP / 2 + 0.5 - mean) / sd
    above = ndtr(-least)
    end = mean + sd * np.exp(-(least**2) / 2) / np.sqrt(2 * np.pi) / np.maximum(above, 1e-12)
    opens = above**2
    er = float((opens * end).sum() / max(opens.sum(), 1e-12)) / (TASKS * GROUP)
    return float(opens.mean()), er


@dataclass(frozen=True)
class Row:
    """A truth, and of each interval how often it held and how wide it was; None where too few studies had one."""

    truth: str
    held: Mapping[str, float | None]
    width: Mapping[str, float | None]


def covered(truth: Truth, apart: bool, n: int, studies: int) -> Row:
    """How often each interval of a study of n seeds holds what it is of."""
    random = np.random.default_rng(seed("intervals", truth.name, str(apart), n))
    mean = float(truth.draw(random, 200_000).mean())
    held: dict[str, list[bool]] = {}
    widths: dict[str, list[float]] = {}
    for _ in range(studies):
        study = studied(truth, apart, n, random)
        of = {"share that opens": study.opens, "ER, open": study.er_open, "change of ITP": mean - START}
        for name, value in study.intervals.items():
            if value is not None:
                held.setdefault(name, []).append(value.lo - 1e-3 <= of.get(name, mean) <= value.hi + 1e-3)
                widths.setdefault(name, []).append(value.hi - value.lo)
    # Of fewer, a share says nothing.
    enough = studies / 4
    return Row(
        truth.name,
        {name: float(np.mean(each)) if len(each) >= enough else None for name, each in held.items()},
        {name: float(np.mean(each)) if len(each) >= enough else None for name, each in widths.items()},
    )


CHANGES = [
    (0.5, 0.5),
    (0.9, 0.9),
    (0.98, 0.98),
    (0.5, 0.4),
    (0.9, 0.5),
    (0.4, 0.0),
    (1.0, 1.0),
    (0.3, 0.35),
    (0.97, 0.6),
]
"""ITP of a run before and after."""


def change_covered(start: float, end: float, apart: bool, runs: int) -> tuple[float, float]:
    """How often a single run's change of ITP holds the truth, and how wide it is."""
    random = np.random.default_rng(seed("intervals", "change", str(start), str(end), str(apart)))
    values = []
    for _ in range(runs):
        tasks = Tasks(random.random(TASKS), apart)
        values.append(moved(tasks.shares(start), tasks.shares(end), random))
    held = [value.lo <= end - start + 1e-6 and end - start - 1e-6 <= value.hi for value in values]
    return float(np.mean(held)), float(np.mean([value.hi - value.lo for value in values]))


NAMED = ("share that opens", "ER, open", "mean", "change of ITP", "mean, by t")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=400, help="simulated studies for each number")
    studies = parser.parse_args().studies
    print("Held, and mean width in brackets.\n")
    print("| seeds | tasks | truth |", " | ".join(NAMED), "|")
    print("|---" * (3 + len(NAMED)), "|", sep="")
    least: dict[str, float] = {}
    for n, apart in product((3, 5, 10), (False, True)):
        for row in map(partial(covered, apart=apart, n=n, studies=studies), truths()):
            cells = [f"{_number(row.held.get(name))} ({_number(row.width.get(name))})" for name in NAMED]
            print(f"| {n} | {'apart' if apart else 'alike'} | {row.truth} |", " | ".join(cells), "|", flush=True)
            for name, value in row.held.items():
                if value is not None:
                    least[name] = min(value, least.get(name, 1.0))
    print("\nThe change of ITP of a single run:\n\n| tasks | ITP | held | width |\n|---|---|---|---|")
    for apart, (start, end) in product((False, True), CHANGES):
        held, width = change_covered(start, end, apart, 4 * studies)
        print(f"| {'apart' if apart else 'alike'} | {start:g} to {end:g} | {held:.3f} | {width:.2f} |")
        least["change of ITP, one run"] = min(held, least.get("change of ITP, one run", 1.0))
    print("\nLeast held:", "; ".join(f"{name} {value:.3f}" for name, value in least.items()))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
