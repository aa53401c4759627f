"""How studies are carried out: each in a directory that it may write, all through one store of runs."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vulngames import games, policies
from vulngames.digests import Inputs, differing
from vulngames.errors import UserError, need
from vulngames.studies.catalogue import ALL, CATALOGUE, Entry, entry_of
from vulngames.studies.job import Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Result, arm_of
from vulngames.studies.summary import Identity, Summary, cell_of, identify, write_summary
from vulngames.studies.workers import run_all


def run_study(name: str, plan: Plan, out: Path, store: Path | None = None) -> list[Summary]:
    """Carry out the study called `name`, or `all` of them, and write a summary.json for each.

    One study lies in `out`; of all, each lies in a folder of `out` called by its name. `store` is where runs are kept
    and found; `out/runs` if left out. A directory that holds the same study goes on with it: more seeds may be asked
    for, and other workers, and the summary is then that of all seeds.

    Returns:
        the summaries, in order.

    Raises:
        UserError: an unknown game or policy, a number out of its range, or a directory that holds other things: another
            study, another plan, fewer seeds than it has, or a policy of the same name with other contents.
    """
    plan = _checked(plan)
    homes = {entry.name: out / entry.name if name == ALL else out for entry in _chosen(name, plan)}
    plans = {study: _seeded(plan, CATALOGUE[study]) for study in homes}
    for study, home in homes.items():
        _check_home(study, plans[study], home)
    if name == ALL:
        _check_home(ALL, plan, out)
    need("trl", "train")
    runs = Store((store or out / "runs").resolve())
    programs = {study: CATALOGUE[study].part("run").run(plans[study], runs) for study in homes}
    summaries = []
    for study, result, wall_s in run_all(programs, plan.workers, runs.root / "clock.json"):
        homes[study].mkdir(parents=True, exist_ok=True)
        summary = summarise(study, plans[study], homes[study].resolve(), result, wall_s)
        write_summary(summary)
        summaries.append(summary)
    return summaries


def _checked(plan: Plan) -> Plan:
    for option, given in (("games", plan.games), ("sizes", plan.sizes)):
        if given is not None and not given:
            raise UserError(f"{option} names none; valid: one or more, or leave --{option} out")
    if len(plan.seed_range) < 1 or plan.workers < 1:
        raise UserError(f"seeds = {plan.seeds}, workers = {plan.workers}; valid: 1 or more of each")
    if plan.first_seed < 0:
        raise UserError(f"first_seed = {plan.first_seed} is below 0; valid: 0 or more")
    # A game that is named twice is one.
    names = dict.fromkeys(games.name_of(game) for game in plan.games)
    return dataclasses.replace(plan, games=tuple(names))


def _seeded(plan: Plan, entry: Entry) -> Plan:
    """The plan with the number of seeds that the study has by default, unless it says another."""
    if plan.seeds is not None or plan.full:
        return plan
    return dataclasses.replace(plan, seeds=entry.seeds)


def _chosen(name: str, plan: Plan) -> list[Entry]:
    """The studies to carry out: those of one game only if the plan has it."""
    asked = list(CATALOGUE.values()) if name == ALL else [entry_of(name)]
    chosen = [entry for entry in asked if not entry.only or entry.only in plan.games]
    if not chosen:
        raise UserError(f"games = {' '.join(plan.games)}; valid for {name}: {asked[0].only}, its only game")
    return chosen


def _check_home(name: str, plan: Plan, home: Path) -> None:
    """Whether the study may write its summary here.

    Raises:
        UserError: it would replace another one.
    """
    before = identify(home)
    # What is not there is not replaced, and what is damaged beyond recognition is written again.
    if before is None:
        return
    for key, value, asked in _differences(before, name, plan):
        raise UserError(f"{home} holds a study with {key} = {value}, not {asked}; choose another directory")
    if before.seeds > len(plan.seed_range):
        fewer = len(plan.seed_range)
        raise UserError(f"{home} holds a study of {before.seeds} seeds, not {fewer}; choose another directory")
    for policy, part in differing(before.inputs, _inputs(plan)):
        raise UserError(f"{home} holds a study made when {policy!r} had other {part}; choose another directory")


def _differences(before: Identity, name: str, plan: Plan) -> Iterator[tuple[str, str, str]]:
    """What a study's later calls have to ask for again and do not: all but seeds and workers; games in any order."""
    if before.study != name:
        yield "study", before.study, name
    for field in dataclasses.fields(plan):
        value, asked = getattr(before.plan, field.name), getattr(plan, field.name)
        if field.name == "games":
            value, asked = sorted(value), sorted(asked)
        if field.name not in ("seeds", "workers") and value != asked:
            yield field.name, _words(value), _words(asked)


def _words(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _inputs(plan: Plan) -> Inputs:
    """What the plan's policies are by their contents, under their names."""
    return {policy: policies.digest(policy) for policy in dict.fromkeys((plan.policy, *plan.compared))}


def summarise(name: str, plan: Plan, home: Path, result: Result, wall_s: float) -> Summary:
    """What a study that lies in `home` has come to."""
    cells = {}
    for key, jobs in result.conditions.items():
        arm = arm_of(key.game, jobs, getattr(key, "arm", None) or "")
        cells[key] = cell_of(key, arm, home)
    return Summary(
        home=home,
        study=name,
        policy=plan.policy,
        seeds=len(plan.seed_range),
        scale=plan.scale,
        command=shlex.join(["vulngames", *sys.argv[1:]]),
        wall_s=round(wall_s, 1),
        plan=plan,
        inputs=_inputs(plan),
        cells=cells,
        findings=result.findings,
    )
