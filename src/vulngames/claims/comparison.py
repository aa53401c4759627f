"""What a claim compares: a cell of a study with its controls, seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from vulngames.arm import Ends
from vulngames.claims.claim import Comparison
from vulngames.claims.effect import Effect, Limits, Side, paired
from vulngames.measures import MARGIN, Interval
from vulngames.studies.summary import Cell

GAP = MARGIN
"""The smallest difference of ER or ITP that counts."""
UNMEASURED = "no seed in which both sides were measured"
Controls = Mapping[str, Cell | Side]
"""By their names. A cell is measured as the treated one is; a side is as it is given."""
Measure = Callable[[Cell], Side]
Limit = Literal["none", "ceiling", "floor"]
"""Where a control leaves a claim no room. `ceiling`: of a claim that something is higher by `GAP`, where the control
stands too high for that (`Effect.room`). `floor`: of one that it is not lower by as much, which goes without saying
where the control stands lower than that itself."""


def side(seeds: Sequence[Interval | None], limits: Limits | None) -> Side:
    """One side of a comparison, by what each seed measured; see `Side` for the limits."""
    return Side({seed: value for seed, value in enumerate(seeds) if value is not None}, limits)


def er_end(cell: Cell) -> Side:
    """ER at the end."""
    return side(cell.of_seeds("er_end"), er_limits(cell))


def same_policy(cell: Cell) -> Side:
    """ER of a cell that evaluates one policy in every seed, so that seeds differ by sampling alone."""
    return side(cell.of_seeds("er_end"), None)


def constant(value: float, cell: Cell) -> Side:
    """A number to compare a cell with."""
    return side([Interval(value, value, value) for _ in cell.each], None)


def er_limits(cell: Cell) -> Limits:
    """The least and the largest ER that there can be in a cell."""
    return (-1.0 if cell.gap else 0.0, 1.0)


def compare(
    label: str, treated: Cell, controls: Controls, measure: Measure = er_end, limit: Limit = "none"
) -> Comparison:
    """A cell against each of its controls."""
    effects = []
    reason = ""
    for name, control in controls.items():
        against = control if isinstance(control, Side) else measure(control)
        level = against.mean if against.seeds else None
        stuck = _no_room(level, limit)
        if stuck:
            way = "higher" if limit == "ceiling" else "lower"
            reason = f"the control ({name}, at {level:.2f}) leaves no room to be {GAP:.2f} {way}"
        effects.append(paired(name, measure(treated), against, not stuck))
    return whole(label, effects, reason, limit)


def _no_room(control: float | None, limit: Limit) -> bool:
    if control is None or limit == "none":
        return False
    return control > 1 - GAP if limit == "ceiling" else control < GAP


def whole(label: str, effects: Sequence[Effect | None], reason: str = "", limit: Limit = "none") -> Comparison:
    """The comparison of all effects; of none, where one could not be measured."""
    measured = tuple(effect for effect in effects if effect is not None)
    if len(measured) < len(effects):
        return Comparison(label, reason=UNMEASURED)
    if reason and limit == "floor":
        return Comparison(label, reason=reason)
    return Comparison(label, measured, reason)


def rise(label: str, cell: Cell, limit: Limit = "none") -> Comparison:
    """ER at the end of a cell's training minus ER at its start, where every seed begins with the same policy."""
    start = side(cell.of_seeds("er_start"), None)
    stuck = _no_room(start.mean if start.seeds else None, limit)
    way = "higher" if limit == "ceiling" else "lower"
    reason = f"ER in {label} starts with no room to be {GAP:.2f} {way}" if stuck else ""
    return whole(label, [paired("its own start", er_end(cell), start, not stuck)], reason, limit)


def sooner(label: str, treated: Cell, controls: Mapping[str, Cell]) -> Comparison:
    """How many steps before each control the exploit comes to dominate (ER above one half, for good).

    A run that does not get there within its steps counts as getting there at the last: what is compared is the time it
    takes of the steps it has.
    """
    found = [run.domination_step for run in treated.each]
    for control in controls.values():
        found += [run.domination_step for run in control.each]
    if all(step is None for step in found):
        return Comparison(label, reason="the exploit comes to dominate in no run")
    # Treated minus control would be negative where it is sooner; so time is counted backwards.
    return compare(label, treated, controls, _minus_steps)


def _minus_steps(cell: Cell) -> Side:
    return steps([run.domination_step for run in cell.each], cell.each, -1)


def steps(of_runs: Sequence[int | None], runs: Sequence[Ends], sign: int) -> Side:
    """A step of every run times `sign`, known to within one evaluation either way; the last step for None."""
    pairs = zip(of_runs, runs, strict=True)
    seeds = [_within_an_evaluation(step, run, sign) for step, run in pairs]
    last = max((run.steps or 0 for run in runs), default=0)
    return side(seeds, (0.0, float(last)) if sign > 0 else (-float(last), 0.0))


def _within_an_evaluation(step: int | None, run: Ends, sign: int) -> Interval | None:
    value, every = run.steps if step is None else step, run.eval_every
    if value is None or every is None:
        return None
    return Interval(sign * value, sign * value - every, sign * value + every)
