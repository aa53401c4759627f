"""How a study is carried out: stages of job for the cells of a table, and a summary.json at the end."""

from __future__ import annotations

import dataclasses
import json
import shlex
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vulngames import games, policies
from vulngames.digests import Inputs, differing, read_inputs
from vulngames.errors import UserError, choose, need
from vulngames.files import write_json
from vulngames.games.self_grading import SelfGrading
from vulngames.runs import read_json
from vulngames.studies.cell import Cell
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.workers import run_all

T = TypeVar("T")
Stages = Generator[Sequence[Job], None, T]
"""Yields stages of job, each what the next one builds on, and returns what comes of them."""
Program = Stages[tuple[list[Cell], dict[str, Any]]]
"""A whole study: it returns its cells, and what it found beyond them."""
# Studies of one game.
_ONLY = {"audit-rate": SelfGrading.id}
Study = Callable[[Plan, Store], Program]


def studies() -> dict[str, Study]:
    """Every study by name, those first that others build on."""
    from vulngames.studies.audit_rate import audit_rate
    from vulngames.studies.catalysis import catalysis
    from vulngames.studies.correction import correction
    from vulngames.studies.distillation import distillation
    from vulngames.studies.emergence import emergence
    from vulngames.studies.perfect_reward import perfect_reward
    from vulngames.studies.scale import scale
    from vulngames.studies.transfer import transfer

    return {
        "emergence": emergence,
        "correction": correction,
        "distillation": distillation,
        "catalysis": catalysis,
        "scale": scale,
        "audit-rate": audit_rate,
        "transfer": transfer,
        "perfect-reward": perfect_reward,
    }


def run_study(name: str, plan: Plan, out: Path, store: Path | None = None) -> list[dict[str, Any]]:
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
    for option, given in (("games", plan.games), ("sizes", plan.sizes)):
        if given is not None and not given:
            raise UserError(f"{option} names none; valid: one or more, or leave --{option} out")
    known = studies()
    plan = dataclasses.replace(plan, games=tuple(games.make(game).id for game in plan.games))
    chosen = known if name == "all" else {name: choose("study", name, known)}
    chosen = {each: study for each, study in chosen.items() if _ONLY.get(each) in (None, *plan.games)}
    if not chosen:
        raise UserError(f"games = {' '.join(plan.games)}; valid for {name}: {_ONLY[name]}, its only game")
    homes = {each: out / each if name == "all" else out for each in chosen}
    if len(plan.seed_range) < 1 or plan.workers < 1:
        raise UserError(f"seeds = {plan.seeds}, workers = {plan.workers}; valid: 1 or more of each")
    for each, home in (*homes.items(), *([(name, out)] if name == "all" else [])):
        _check_home(each, plan, home)
    need("trl", "train")
    kept = Store((store or out / "runs").resolve())
    programs = {each: study(plan, kept) for each, study in chosen.items()}
    done = {each: homes[each] / "summary.json" for each in chosen}
    summaries = []
    for each, found, took in run_all(programs, plan.workers, kept.root / "clock.json"):
        homes[each].mkdir(parents=True, exist_ok=True)
        summary = {**summarise(each, plan, homes[each].resolve(), *found), "wall_s": round(took, 1)}
        write_json(done[each], summary)
        summaries.append(summary)
    return summaries


def _check_home(name: str, plan: Plan, home: Path) -> None:
    """Whether the study may write its summary here.

    Raises:
        UserError: it would replace another one.
    """
    try:
        held = read_json(home / "summary.json")
        inputs = read_inputs(held)
    # What is not there is not replaced, and what is damaged is written again.
    except (FileNotFoundError, NotADirectoryError, UserError, ValueError):
        return
    if "study" not in held or not isinstance(held.get("plan"), dict | None):
        return
    before = {"study": held["study"], **_fixed(held.get("plan") or {})}
    asked = {"study": name, **_fixed(json.loads(json.dumps(dataclasses.asdict(plan))))}
    for key, value in before.items():
        if asked.get(key) != value:
            found, wanted = _words(value), _words(asked.get(key))
            raise UserError(f"{home} holds a study with {key} = {found}, not {wanted}; choose another directory")
    seeds, fewer = held.get("seeds"), len(plan.seed_range)
    if isinstance(seeds, int) and seeds > fewer:
        raise UserError(f"{home} holds a study of {seeds} seeds, not {fewer}; choose another directory")
    for policy, part in differing(inputs, _inputs(plan)):
        raise UserError(f"{home} holds a study made when {policy!r} had other {part}; choose another directory")


def _fixed(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What a study's later calls have to ask for again: all but seeds and workers; games in whichever order."""
    names = (key for key in plan if key not in ("seeds", "workers"))
    return {key: sorted(plan[key]) if key == "games" else plan[key] for key in names}


def _words(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _inputs(plan: Plan) -> Inputs:
    """What the plan's policies are by their contents, under their names."""
    return {policy: policies.digest(policy) for policy in dict.fromkeys((plan.policy, *plan.compared))}


def summarise(name: str, plan: Plan, home: Path, cells: Sequence[Cell], found: Mapping[str, Any]) -> dict[str, Any]:
    """What summary.json holds of one study."""
    return {
        "study": name,
        "policy": plan.policy,
        "seeds": len(plan.seed_range),
        "scale": plan.scale,
        "rows": [cell.plain(home) for cell in cells],
        **found,
        "command": shlex.join(["vulngames", *sys.argv[1:]]),
        "plan": json.loads(json.dumps(dataclasses.asdict(plan))),
        "inputs": _inputs(plan),
    }
