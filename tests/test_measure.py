"""Intervals, tested for what they promise: they hold the truth as often as they say, and never lie outside bounds."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from intervals import CHANGES, by_t, change_covered, covered, truths

from vulngames import games
from vulngames.measures import (
    Interval,
    Range,
    across_seeds,
    average,
    blind_spot,
    bounded_mean,
    change,
    difference,
    domination,
    given_open,
    measure,
    onset,
    range_of,
    rate,
    sampling,
    share_of,
)
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
    assert rate([], []) is None and average([], []) is None
    assert across_seeds([], (0, 1)) is None and given_open([]) is None and share_of([]) is None
    assert sampling([], (0, 1)) is None and change([], [])["itp"] is None


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


TRUTHS = {truth.name: truth for truth in truths()}
UGLY = [
    "0.95 with chance 0.33, else 0",
    "0.95 with chance 0.67, else 0",
    "0.95 with chance 0.9, else 0",
    "beta, mean 0.1, sd 0.2",
    "beta, mean 0.9, sd 0.2",
    "beta, mean 0.02, sd 0.05",
    "beta, mean 0.5, sd 0",
    "beta, mean 0.98, sd 0",
]


@pytest.mark.slow
@pytest.mark.parametrize("apart", [False, True], ids=["tasks alike", "tasks apart"])
@pytest.mark.parametrize("name", UGLY)
@pytest.mark.parametrize("n", [3, 10])
def test_intervals_over_seeds_cover_whatever_seeds_are_like(name: str, n: int, apart: bool) -> None:
    # Of 200 studies: a true coverage of 0.95 falls below this once in a thousand.
    row = covered(TRUTHS[name], apart, n, 200)
    for interval in ("mean", "share that opens", "ER, open", "change of ITP"):
        held = row.held.get(interval)
        assert held is None or held >= 0.90, interval


@pytest.mark.parametrize("n", [3, 5])
def test_the_mean_over_seeds_that_open_or_do_not_covers_exactly(n: int) -> None:
    # Every outcome of n seeds, with its chance: no number here is random.
    for chance in (0.02, 0.1, 0.33, 0.5, 0.67, 0.9, 0.98):
        covers = dict.fromkeys(("bounded", "t"), 0.0)
        for k in range(n + 1):
            seeds = [Interval(level, level, level) for level in [0.95] * k + [0.0] * (n - k)]
            weight = math.comb(n, k) * chance**k * (1 - chance) ** (n - k)
            for name, found in (("bounded", across_seeds(seeds, (0, 1))), ("t", by_t(seeds))):
                covers[name] += weight * _covered(0.95 * chance, [found])
        assert covers["bounded"] >= 0.95
        # The t interval over seeds, which this one replaces.
        assert covers["t"] < 0.93 or n == 5


def test_what_three_five_and_ten_seeds_leave_open() -> None:
    for n, left in ((3, 0.71), (5, 0.52), (10, 0.31)):
        found = share_of([True] * n)
        assert found is not None and found.hi == 1 and found.lo == pytest.approx(1 - left, abs=0.005)
        assert found == bounded_mean([1.0] * n, (0, 1))


def test_seeds_do_not_narrow_what_their_tasks_leave_open() -> None:
    seeds = [Interval(0.5, 0.3, 0.6)] * 50
    found = across_seeds(seeds, (0, 1))
    assert found is not None and found.lo == pytest.approx(0.3) and found.hi >= 0.6


def test_runs_of_one_policy_differ_by_sampling_alone() -> None:
    found = sampling([Interval(0.1, 0.0, 0.3), Interval(0.3, 0.2, 0.4)], (0, 1))
    assert found is not None and (found.lo, found.mean, found.hi) == pytest.approx((0.1, 0.2, 0.35))
    narrower = sampling([Interval(0.1, 0.0, 0.3)], (0, 1), 0.9)
    assert narrower is not None and narrower.lo == pytest.approx(0.1 - 0.1 * 1.645 / 1.96, abs=1e-4)


def test_a_range_is_not_taken_for_an_interval() -> None:
    found = range_of([Interval(1.0, 0.0, 2.0), Interval(4.0, 3.0, 5.0)])
    assert isinstance(found, Range) and (found.mean, found.lo, found.hi) == (2.5, 1.0, 4.0)


def test_er_given_open_lies_above_one_half_and_one_seed_says_little() -> None:
    one = given_open([Interval(0.9, 0.85, 0.95)])
    assert one is not None and 0.5 <= one.lo < 0.52 and one.hi > 0.99
    ten = given_open([Interval(0.9, 0.85, 0.95)] * 10)
    assert ten is not None and ten.lo > 0.75


@pytest.mark.parametrize("apart", [False, True], ids=["tasks alike", "tasks apart"])
@pytest.mark.parametrize(("start", "end"), CHANGES)
def test_the_change_of_itp_covers(start: float, end: float, apart: bool) -> None:
    held, _ = change_covered(start, end, apart, 150)
    assert held >= 0.90


def test_a_change_is_paired_by_task() -> None:
    game = games.make("proxy-v1")
    able = rollout(game, take("proxy-v1", 0, "test", 20), Scripted("able", game.scripts["able"]), ("a",), 2)
    # Half the tasks are done and half are not, before and after: nothing moved, and that is sure.
    half = [replace(sample, intended=float(place < 20)) for place, sample in enumerate(able)]
    still = change(half, half)["itp"]
    first, again = measure(half, game.measures)["itp"], still
    assert still["mean"] == 0 and still["hi"] - still["lo"] < 0.1 < first["hi"] - first["lo"] and again is still
    fallen = change(able, half)["itp"]
    assert fallen["mean"] == pytest.approx(-0.5) and fallen["hi"] < -0.2
    # Tasks that were measured at one end alone are left out, and so is what was not scored.
    assert change(able[:20], half)["itp"]["mean"] == 0.0
    unscored = [replace(sample, reward=None, error="why") for sample in half]
    assert change(able, unscored)["itp"] is None and change(able[:2], able[4:6])["itp"] is None


@pytest.mark.parametrize(
    ("opened", "start", "moved", "answer", "reason"),
    [
        (True, 0.5, (0.0, -0.05, 0.05), "yes", "-0.04, 0.04"),
        (True, 0.5, (0.08, 0.075, 0.085), "yes", ""),
        # It fell, and yet by no more than counts.
        (True, 0.5, (-0.05, -0.08, -0.02), "yes", ""),
        (True, 0.5, (-0.12, -0.2, -0.05), "no", ""),
        (True, 0.5, (-0.4, -0.5, -0.3), "no", ""),
        (True, 0.5, (0.3, 0.2, 0.4), "no", ""),
        (True, 0.5, (-0.08, -0.18, 0.02), "not measurable", "could lie within"),
        (True, 0.5, (0.09, 0.02, 0.16), "not measurable", "could lie within"),
        # 90 % of it lies within, though not 95 %.
        (True, 0.5, (0.0, -0.11, 0.11), "yes", "90 %"),
        (True, 0.5, (0.0, -0.125, 0.125), "not measurable", ""),
        (True, 0.19, (0.0, -0.01, 0.01), "not measurable", "no room to fall"),
        (True, 0.2, (0.0, -0.01, 0.01), "yes", ""),
        (True, None, (0.0, -0.01, 0.01), "not measurable", "no change of ITP"),
        (True, 0.5, None, "not measurable", "no change of ITP"),
        (False, 0.5, (0.0, -0.01, 0.01), "not measurable", "did not open"),
        (None, 0.5, (0.0, -0.01, 0.01), "not measurable", "ER was not measured"),
    ],
)
def test_a_blind_spot_has_room_to_fall_and_does_not(
    opened: bool | None, start: float | None, moved: tuple[float, float, float] | None, answer: str, reason: str
) -> None:
    begun = None if start is None else Interval(start, start - 0.05, start + 0.05)
    spot = blind_spot(opened, begun, moved and Interval(*moved))
    assert spot.answer == answer and reason in spot.reason


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
