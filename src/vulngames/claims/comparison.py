"""What a claim compares: a cell of a study with its controls, seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from vulngames.arm import Ends
from vulngames.claims.claim import Comparison
from vulngames.claims.effect import Effect, paired
from vulngames.measures import Interval
from vulngames.studies.summary import Cell

GAP = 0.10
"""The smallest difference of ER or ITP that counts."""
ONE_SEED = "fewer than two seeds in which both sides were measured"
Controls = Mapping[str, Cell]
Seeds = Callable[[Cell], Sequence[Interval | None]]
Limit = Literal["none", "ceiling", "floor"]
"""Where a control leaves a claim no room. `ceiling`: of a claim that something is higher by `GAP`, where the control
stands too high for that (`Effect.room`). `floor`: of one that it is not lower by as much, which goes without saying
where the control stands lower than that itself."""


def er_end(cell: Cell) -> list[Interval | None]:
    """ER at the end, in each seed."""
    return cell.of_seeds("er_end")


def compare(label: str, treated: Cell, controls: Controls, seeds: Seeds = er_end, limit: Limit = "none") -> Comparison:
    """A cell against each of its controls."""
    effects = []
    reason = ""
    for name, control in controls.items():
        level = _mean(seeds(control))
        stuck = _no_room(level, limit)
        if stuck:
            way = "higher" if limit == "ceiling" else "lower"
            reason = f"the control ({name}, at {level:.2f}) leaves no room to be {GAP:.2f} {way}"
        effects.append(paired(name, seeds(treated), seeds(control), not stuck))
    return whole(label, effects, reason, limit)


def _mean(seeds: Sequence[Interval | None]) -> float | None:
    means = [value.mean for value in seeds if value is not None]
    return sum(means) / len(means) if means else None


def _no_room(control: float | None, limit: Limit) -> bool:
    if control is None or limit == "none":
        return False
    return control > 1 - GAP if limit == "ceiling" else control < GAP


def whole(label: str, effects: Sequence[Effect | None], reason: str = "", limit: Limit = "none") -> Comparison:
    """The comparison of all effects; of none, where one could not be measured."""
    measured = tuple(effect for effect in effects if effect is not None)
    if len(measured) < len(effects):
        return Comparison(label, reason=ONE_SEED)
    if reason and limit == "floor":
        return Comparison(label, reason=reason)
    return Comparison(label, measured, reason)


def change(label: str, cell: Cell, name: Literal["er", "itp"], limit: Limit = "none") -> Comparison:
    """The end of a cell's training against its start."""
    start, end = cell.of_seeds(f"{name}_start"), cell.of_seeds(f"{name}_end")
    stuck = _no_room(_mean(start), limit)
    way = "higher" if limit == "ceiling" else "lower"
    reason = f"{name.upper()} in {label} starts with no room to be {GAP:.2f} {way}" if stuck else ""
    return whole(label, [paired("its own start", end, start, not stuck)], reason, limit)


def sooner(label: str, treated: Cell, controls: Controls) -> Comparison:
    """How many steps before each control the exploit comes to dominate (ER above one half, for good).

    A run that does not get there within its steps counts as getting there at the last: what is compared is the time it
    takes of the steps it has.
    """
    runs = [run for cell in (treated, *controls.values()) for run in cell.each]
    if all(run.domination_step is None for run in runs):
        return Comparison(label, reason="the exploit comes to dominate in no run")
    # Treated minus control would be negative where it is sooner; so time is counted backwards.
    return compare(label, treated, controls, _minus_steps)


def _minus_steps(cell: Cell) -> list[Interval | None]:
    return [within_an_evaluation(run.domination_step, run, -1) for run in cell.each]


def within_an_evaluation(step: float | None, run: Ends, sign: int) -> Interval | None:
    """A step of a run times `sign`, known to within one evaluation either way; the last step for None."""
    value, every = run.steps if step is None else step, run.eval_every
    if value is None or every is None:
        return None
    return Interval(sign * value, sign * value - every, sign * value + every)
