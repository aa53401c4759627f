"""False verdicts: what seeds that open or do not, and seeds that spread, make of every claim."""

from __future__ import annotations

import math
from collections.abc import Callable
from math import comb

import numpy as np
import pytest

from simulated import SAMPLES, SIMULATED, TASKS, Level, Tally, World, beta, holds, opens, rates, tallies, variants
from vulngames.claims import effect as effects
from vulngames.claims.comparison import side
from vulngames.claims.effect import Above, Effect, Limits, Within
from vulngames.measures import Interval, rate
from vulngames.studies.audit_rate.falls import Falls

FALSE = 0.03
"""The largest share of false verdicts that is let through."""
Spread = Callable[[tuple[float, ...], Limits, float], Interval]


def t_interval(means: tuple[float, ...], limits: Limits, level: float) -> Interval:
    """What supposes that seeds are normal."""
    from scipy.special import stdtrit

    n, mean = len(means), float(np.mean(means))
    if n < 2:
        return Interval(mean, mean, mean)
    half = float(stdtrit(n - 1, 0.5 + level / 2)) * float(np.std(means, ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half)


# Exactly: every outcome of seeds that are at 0 or at one other level, without sampling.


def exactly(seeds: int, alpha: float, high: float, threshold: float) -> tuple[float, float]:
    """The largest chance of a false "supported", and of a false "contradicted", over all chances of the two sides."""
    outcomes = [side([_point(high)] * k + [_point(0.0)] * (seeds - k), (0.0, 1.0)) for k in range(seeds + 1)]
    supported, contradicted = np.zeros((2, seeds + 1, seeds + 1))
    for row, treated in enumerate(outcomes):
        for column, control in enumerate(outcomes):
            answer = Above(threshold).answer(Effect("", treated, control).at(alpha))
            supported[row, column] = answer == "supported"
            contradicted[row, column] = answer == "contradicted"
    chances = np.linspace(0, 1, 101)
    counts = np.array([[comb(seeds, k) * p**k * (1 - p) ** (seeds - k) for k in range(seeds + 1)] for p in chances])
    above = high * (chances[:, None] - chances[None, :]) > threshold + 1e-9
    false = [np.where(above, 0, counts @ supported @ counts.T), np.where(above, counts @ contradicted @ counts.T, 0)]
    return float(false[0].max()), float(false[1].max())


def _point(value: float) -> Interval:
    return Interval(value, value, value)


@pytest.mark.parametrize("threshold", [0.1, 0.0, -0.1])
@pytest.mark.parametrize("seeds", [3, 4, 5, 7])
@pytest.mark.parametrize(("alpha", "high"), [(0.025, 1.0), (0.025, 0.95), (0.025 / 4, 0.95)])
def test_seeds_that_open_or_do_not_err_no_more_often_than_is_said(
    seeds: int, alpha: float, high: float, threshold: float
) -> None:
    assert max(exactly(seeds, alpha, high, threshold)) <= alpha


def test_an_interval_for_normal_seeds_errs_far_more_often(monkeypatch: pytest.MonkeyPatch) -> None:
    # Three seeds of which none opens agree exactly, whatever their chance was.
    monkeypatch.setattr(effects, "_spread", t_interval)
    assert max(exactly(3, 0.025, 0.95, 0.1)) > 0.5


@pytest.mark.parametrize(
    ("cells", "need", "first"), [(1, 1, 4), (4, 4, 4), (4, 3, 5), (4, 1, 6), (12, 7, 6), (12, 1, 7)]
)
def test_how_many_seeds_it_takes_where_all_open_and_none_of_the_control(cells: int, need: int, first: int) -> None:
    def supported(seeds: int) -> bool:
        sides = side([_point(0.95)] * seeds, (0.0, 1.0)), side([_point(0.0)] * seeds, (0.0, 1.0))
        return Above(0.1).answer(Effect("", *sides).at(0.025 / (cells - need + 1))) == "supported"

    assert [seeds for seeds in range(2, 11) if supported(seeds)] == list(range(first, 11))


def test_few_seeds_cannot_show_that_a_mean_stays_where_it_was() -> None:
    def stays(seeds: int) -> bool:
        sides = side([_point(0.0)] * seeds, (0.0, 1.0)), side([_point(0.0)] * seeds, None)
        return Within(0.1).answer(Effect("", *sides).at(0.025)) == "supported"

    assert [stays(seeds) for seeds in (3, 10, 35, 36)] == [False, False, False, True]


# Where a curve falls.


def falls(*levels: float, half: float = 0.02) -> Falls:
    grid = (0.0, 0.1, 0.2, 0.3, 0.4, 1.0)
    return Falls(
        [(r, side([Interval(er, er - half, er + half)] * 3, None)) for r, er in zip(grid, levels, strict=True)]
    )


@pytest.mark.parametrize(
    ("curve", "lo", "hi"),
    [
        (falls(0.9, 0.9, 0.9, 0.1, 0.1, 0.1), 0.2, 0.3),
        # What lies between is not known: the straight line through it says nothing.
        (falls(0.9, 0.9, 0.5, 0.5, 0.1, 0.1), 0.1, 0.4),
        (falls(0.9, 0.9, 0.9, 0.45, 0.1, 0.1, half=0.2), 0.2, 0.4),
        (falls(0.9, 0.6, 0.6, 0.4, 0.4, 0.1, half=0.2), 0.0, 1.0),
        # Only what hangs together counts: one point that seems to lie above, beyond one that does not, is no bound.
        (falls(0.9, 0.5, 0.9, 0.1, 0.1, 0.1), 0.0, 0.3),
        (falls(0.5, 0.9, 0.9, 0.1, 0.5, 0.1), 0.0, 1.0),
    ],
)
def test_a_curve_falls_between_points_of_its_grid_that_exclude_one_half(curve: Falls, lo: float, hi: float) -> None:
    interval = curve.at(0.95)
    assert (interval.lo, interval.hi) == (lo, hi) and lo <= interval.mean <= hi


def test_a_curve_that_does_not_fall_has_no_place() -> None:
    assert falls(0.9, 0.9, 0.9, 0.9, 0.9, 0.9).place is None and falls(0.1, 0.1, 0.1, 0.1, 0.1, 0.1).place is None
    assert Falls([]).place is None and falls(0.9, 0.9, 0.7, 0.3, 0.1, 0.1).place == pytest.approx(0.25)
    with pytest.raises(ValueError, match="does not fall"):
        falls(0.9, 0.9, 0.9, 0.9, 0.9, 0.9).at(0.95)


# Simulated studies.


def test_simulated_intervals_are_those_of_measures() -> None:
    random = np.random.default_rng(0)
    tasks = [str(task) for task in range(TASKS) for _ in range(SAMPLES)]
    samples = random.binomial(1, np.repeat(random.random((3, TASKS)), SAMPLES, axis=1))
    samples[2] = 0
    found = rates(samples.reshape(3, TASKS, SAMPLES).mean(axis=2))
    for interval, row in zip(found, samples, strict=True):
        expected = rate(row.astype(float).tolist(), tasks)
        assert expected is not None
        ours = (interval.mean, interval.lo, interval.hi)
        assert ours == pytest.approx((expected.mean, expected.lo, expected.hi))


def test_what_is_true_of_a_world() -> None:
    def of(study: str, world: World) -> dict[tuple[str, str], bool | None]:
        return {(claim.id, variant.by): holds(claim, variant, study, world) for claim, variant in variants(study)}

    plain, rare = of("emergence", World(opens(1.0), opens(0.0))), of("emergence", World(opens(0.1), opens(0.0)))
    assert plain["emergence", "v1"] and plain["emergence", "v2"] and plain["patch", "ours"]
    assert (rare["emergence", "v1"], rare["emergence", "v2"]) == (False, True)
    assert of("emergence", World(opens(0.9), opens(0.2)))["patch", "ours"] is False
    fall = of("audit-rate", World(opens(0.9), opens(0.1), cut=0.22))
    assert (fall["audit-crossing", "ours"], fall["audit-crossing-able", "ours"]) == (False, None)
    assert of("transfer", World(opens(0.5), opens(0.5)))["transfer-limited", "v2"] is False


def worst(study: str, world: World, seeds: int, studies: int) -> Tally:
    """The variant with the largest share of false verdicts."""
    return max(tallies(study, world, seeds, studies), key=lambda tally: tally.false)


UGLY = [
    ("emergence", World(opens(0.3), opens(0.0)), 3),
    ("emergence", World(opens(0.5), opens(0.15)), 3),
    ("audit-rate", World(opens(0.55), opens(0.45), cut=0.22), 5),
    ("perfect-reward", World(opens(0.12), opens(0.0)), 3),
    ("perfect-reward", World(beta(0.12, 0.0), beta(0.02, 0.0)), 5),
]


@pytest.mark.slow
@pytest.mark.parametrize(("study", "world", "seeds"), UGLY, ids=str)
def test_no_claim_is_falsely_judged_more_often_than_is_said(study: str, world: World, seeds: int) -> None:
    # Of 60 studies 2.5 % are 1.5; five or more would come of that in one of fifty.
    assert worst(study, world, seeds, 60).false < 5 / 60


@pytest.mark.slow
def test_an_interval_for_normal_seeds_judges_falsely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effects, "_spread", t_interval)
    study, world, seeds = UGLY[0]
    assert worst(study, world, seeds, 60).false > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("study", SIMULATED)
def test_what_is_plain_is_found_with_ten_seeds(study: str) -> None:
    # Whatever one policy does that the other never does is found, by one wording at least.
    found = tallies(study, World(opens(1.0), opens(0.0), itp=Level(0.5, 0.5)), 10, 5)
    assert max(tally.right for tally in found) == 1.0 and not any(tally.false for tally in found)
