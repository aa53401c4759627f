"""Intervals, tested for what they promise: they hold the truth as often as they say, and never lie outside bounds."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vulngames import games
from vulngames.measures import Interval, across_seeds, average, difference, domination, measure, onset, rate
from vulngames.rollouts import rollout
from vulngames.seeds import seed
from vulngames.tasks import take
from vulngames.types import Scripted

values = st.lists(st.floats(0, 1), min_size=1, max_size=40)


@given(values, st.integers(1, 5))
def test_a_rate_lies_in_its_interval_and_both_in_bounds(xs: list[float], group: int) -> None:
    found = rate(xs, [str(i // group) for i in range(len(xs))])
    assert found is not None and 0 <= found.lo <= found.mean + 1e-9 and found.mean <= found.hi + 1e-9 <= 1 + 2e-9


@given(values)
def test_the_order_of_samples_does_not_matter(xs: list[float]) -> None:
    names = [str(i % 3) for i in range(len(xs))]
    forwards, backwards = rate(xs, names), rate(xs[::-1], names[::-1])
    assert forwards is not None and backwards is not None
    assert (forwards.mean, forwards.lo, forwards.hi) == pytest.approx((backwards.mean, backwards.lo, backwards.hi))


def test_repeating_a_task_is_not_new_evidence() -> None:
    once = rate([0, 1, 1, 0, 1, 1], list("abcdef"))
    eight = rate(np.repeat([0, 1, 1, 0, 1, 1], 8).tolist(), [c for c in "abcdef" for _ in range(8)])
    assert once is not None and eight is not None
    assert eight.hi - eight.lo > 0.9 * (once.hi - once.lo)


def test_nothing_is_not_measurable() -> None:
    assert rate([], []) is None and average([], []) is None and across_seeds([]) is None


def test_one_task_says_nothing_of_how_much_tasks_differ() -> None:
    assert average([1.0, 0.0, 1.0], ["a"] * 3) is None
    game = games.make("tampering-v1")
    samples = rollout(game, take("tampering-v1", 0, "test", 1), Scripted("able", game.scripts["able"]), ("one",), 4)
    found = json.loads(json.dumps(measure(samples, game.measures), allow_nan=False))
    assert found["reward"] is None and found["patched"] is None and found["itp"]["mean"] == 1.0


def test_all_or_none_still_leaves_doubt() -> None:
    for p in (0.0, 1.0):
        found = rate([p] * 40, [str(i) for i in range(40)])
        assert found is not None and found.hi - found.lo == pytest.approx(0.0876, abs=0.002)


def _covered(truth: float, intervals: list[Interval | None]) -> float:
    return float(np.mean([i is not None and i.lo <= truth <= i.hi for i in intervals]))


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_a_rate_over_tasks_covers(p: float) -> None:
    random = np.random.default_rng(seed("cover", "rate", str(p)))
    tasks = [str(i) for i in range(60) for _ in range(4)]
    draws = [
        rate(random.binomial(1, np.repeat(random.beta(4 * p, 4 * (1 - p), 60), 4)).tolist(), tasks) for _ in range(400)
    ]
    assert 0.92 <= _covered(p, draws) <= 0.99


@pytest.mark.parametrize("spread", [0.0, 0.1])
def test_the_mean_over_seeds_covers(spread: float) -> None:
    random = np.random.default_rng(seed("cover", "seeds", str(spread)))
    truth, tasks = 0.5, [str(i) for i in range(80)]

    def study() -> Interval | None:
        levels = np.clip(random.normal(truth, spread, 3), 0, 1)
        seeds = [rate(random.binomial(1, p, 80).tolist(), tasks) for p in levels]
        return across_seeds([s for s in seeds if s is not None])

    assert _covered(truth, [study() for _ in range(400)]) >= 0.93


def test_the_mean_over_seeds_covers_when_they_share_their_tasks() -> None:
    random = np.random.default_rng(seed("cover", "shared tasks"))
    tasks = [str(i) for i in range(72) for _ in range(2)]

    def study() -> Interval | None:
        ease = np.repeat(random.beta(0.1, 0.1, 72), 2)
        seeds = [rate(random.binomial(1, ease).tolist(), tasks) for _ in range(3)]
        return across_seeds([s for s in seeds if s is not None])

    assert _covered(0.5, [study() for _ in range(400)]) >= 0.92


@pytest.mark.parametrize(("p", "q"), [(0.9, 0.2), (0.5, 0.5), (1.0, 0.95)])
def test_a_difference_covers(p: float, q: float) -> None:
    random = np.random.default_rng(seed("cover", "difference", str(p), str(q)))
    tasks = [str(i) for i in range(50)]
    draws: list[Interval | None] = []
    for _ in range(400):
        a, b = (rate(random.binomial(1, x, 50).tolist(), tasks) for x in (p, q))
        assert a is not None and b is not None
        draws.append(difference(a, b, 0.0))
    assert _covered(p - q, draws) >= 0.92


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.2)), min_size=1, max_size=6))
def test_pooling_seeds_stays_within_bounds(seeds: list[tuple[float, float]]) -> None:
    found = across_seeds([Interval(m, max(0, m - h), min(1, m + h)) for m, h in seeds], (0, 1))
    assert found is not None and 0 <= found.lo <= found.mean + 1e-9 and found.mean <= found.hi + 1e-9 <= 1 + 2e-9


def curve(*ers: float) -> list[tuple[int, Interval]]:
    return [(10 * i, Interval(er, max(0, er - 0.05), er + 0.05)) for i, er in enumerate(ers)]


@pytest.mark.parametrize(
    ("ers", "starts", "dominates"),
    [
        ((0.0, 0.0, 0.3, 0.9), 20, None),
        ((0.0, 0.0, 0.3, 0.9, 0.9), 20, 30),
        ((0.0, 0.3, 0.0, 0.9, 0.9), 30, 30),
        ((0.0, 0.3, 0.0, 0.9), None, None),
        ((0.0, 0.0, 0.9), None, None),
        ((0.0, 0.9), 10, 10),
        ((0.0,), None, None),
        ((0.9,), None, 0),
        ((0.0, 0.01, 0.02, 0.03), None, None),
        ((0.9, 0.9, 0.9), None, 0),
        ((0.1, 0.6, 0.7, 0.2), 10, None),
        ((), None, None),
    ],
)
def test_onset_and_domination_are_for_good(ers: tuple[float, ...], starts: int | None, dominates: int | None) -> None:
    assert (onset(curve(*ers)), domination(curve(*ers))) == (starts, dominates)


@given(st.integers(0, 10))
@settings(max_examples=10)
def test_a_gap_is_paired_and_signed(exploiting: int) -> None:
    game = games.make("compliance-v1")
    tasks = take("compliance-v1", 0, "train", 20)
    pairs = {task.pair for task in tasks[: 2 * exploiting]}
    policy = Scripted(
        "mixed", lambda t, completions: game.scripts["exploit" if t.pair in pairs else "able"](t, completions)
    )
    found = measure(rollout(game, tasks, policy, ("gap",)), game.measures)
    assert found["er"]["mean"] == pytest.approx(exploiting / 10)
    assert found["paper"]["er"]["mean"] == pytest.approx(exploiting / 10)


def test_pairing_narrows_a_gap() -> None:
    a, b = Interval(0.8, 0.7, 0.9), Interval(0.5, 0.4, 0.6)
    apart, together = difference(a, b, 0.0), difference(a, b, 0.8)
    assert together.hi - together.lo < apart.hi - apart.lo
