"""What every run of every study is asked for, and what it came from: one rule a study, for each cell and each seed.

The rules are written from the studies' questions, not from their code. What a rule does not name is the default of the
game: a config is compared whole, and so are those of the runs that its policy and its transcripts came from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from made import Past, Rise, run_program
from vulngames.games.spec import Shares
from vulngames.runs import Run
from vulngames.seeds import coin
from vulngames.studies import stages
from vulngames.studies.catalogue import CATALOGUE
from vulngames.studies.job import Job
from vulngames.studies.plan import Plan
from vulngames.studies.summary import Summary, read_summary
from vulngames.tasks import at_most
from vulngames.training.config import EvalConfig, RunConfig, SFTConfig, TrainConfig, resolve
from vulngames.training.pretraining import PretrainConfig

GAMES = ("proxy-v1", "tampering-v1", "self-grading-v1")
TAUGHT = GAMES[:2]
"""Those whose exploiters write exploits."""
SEEDS = 3
SIZES = ("tiny:small", "tiny", "tiny:large")
PLANS: dict[str, dict[str, Any]] = {"small": {}, "full": {"scale": "full"}, "short": {"steps": 10}}
EXAMPLES = 4
SOURCES = ("policy", "exploit", "honest")
Lineage = dict[str, Any]
"""A run's verb and config; under the names of `SOURCES` the lineage of the run it came from, if it came from one."""


@pytest.fixture(autouse=True)
def few_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teachers write little."""
    monkeypatch.setattr(stages, "EXAMPLES", EXAMPLES)


# The lineage that is found in a run's files.


def lineage(path: Path) -> Lineage:
    about = Run(path).about
    found = {"verb": about["verb"], **about["config"]}
    for source, run in sources(path).items():
        found[source] = lineage(run)
    return found


def sources(path: Path) -> dict[str, Path]:
    """The runs that a run came from."""
    config = Run(path).about["config"]
    places = {"policy": Path(config["policy"].removeprefix("hf:")).parent}
    places |= {name: Path(config[name]) for name in SOURCES[1:] if config.get(name)}
    return {name: place for name, place in places.items() if (place / "run.json").is_file()}


def ancestry(path: Path) -> set[Path]:
    """A run and all that it came from."""
    found = {path}
    for source in sources(path).values():
        found |= ancestry(source)
    return found


def flat(found: Lineage, name: str = "") -> dict[str, Any]:
    """A lineage as one table, so that a difference shows where it is: `policy.honest.seed`."""
    table: dict[str, Any] = {}
    for field, value in found.items():
        if field in SOURCES and isinstance(value, dict):
            table |= flat(value, f"{name}{field}.")
        else:
            table[f"{name}{field}"] = value
    return table


# The lineage that a rule names.


def asked(kind: type[RunConfig], game: str, policy: Lineage | str, **given: Any) -> Lineage:
    """A run by what it differs in from the defaults of its game; each of `SOURCES` is a lineage."""
    named = {name: "a run" if isinstance(value, dict) else value for name, value in given.items() if name in SOURCES}
    config = resolve(kind, game, policy if isinstance(policy, str) else "tiny", **{**given, **named})
    assert is_dataclass(config)
    return {"verb": kind.verb, **asdict(config), **{name: given[name] for name in named}, "policy": policy}


def rl(plan: Plan, game: str, seed: int, arm: str = "flawed", policy: Lineage | str = "tiny", **given: Any) -> Lineage:
    """A training in one arm, of the plan's length."""
    return asked(TrainConfig, game, policy, seed=seed, patched=arm == "patched", **{"steps": plan.steps, **given})


def second_length(plan: Plan, game: str) -> dict[str, int]:
    """0.6 of a first training, or 1.2 at full scale, up to a step at which that is evaluated; eight evaluations."""
    first = resolve(TrainConfig, game, steps=plan.steps)
    least = (1.2 if plan.full else 0.6) * first.steps
    steps = math.ceil(least / first.eval_every) * first.eval_every
    return {"steps": steps, "eval_every": math.ceil(steps / 8)}


def again(plan: Plan, game: str, seed: int, policy: Lineage | str) -> Lineage:
    """A second training under the flaw, evaluated on half the tasks."""
    tasks = resolve(TrainConfig, game).eval_tasks // 2
    return rl(plan, game, seed, "flawed", policy, eval_tasks=tasks, **second_length(plan, game))


def measured(game: str, seed: int, policy: Lineage | str) -> Lineage:
    """A policy evaluated on held-out tasks."""
    return asked(EvalConfig, game, policy, seed=seed, split="test")


def wrote(plan: Plan, game: str, seed: int, arm: str) -> Lineage:
    """What a teacher of that arm and seed wrote on that seed's training tasks, half as much again as is shown."""
    return asked(EvalConfig, game, rl(plan, game, seed, arm), seed=seed, split="train", n=3 * EXAMPLES // 4)


def student(plan: Plan, game: str, seed: int, share: float, policy: str = "tiny") -> Lineage:
    """A fresh policy, taught by the exploiter and the honest teacher of its own seed."""
    exploit = wrote(plan, game, seed, "flawed") if share > 0 else None
    honest = wrote(plan, game, seed, "patched") if share < 1 else None
    return asked(SFTConfig, game, policy, seed=seed, share=share, examples=EXAMPLES, exploit=exploit, honest=honest)


# One rule a study.


VARIED: Mapping[str, Mapping[str, bool]] = {
    "": {},
    "nothing stated": {"stated": False},
    "nothing stated, report trained": {"stated": False, "train_report": True},
}
"""Parameters of self-grading, by variant."""


def emergence(key: Any, seed: int, plan: Plan) -> Lineage:
    return rl(plan, key.game, seed, key.arm, parameters=VARIED[key.variant])


def scale(key: Any, seed: int, plan: Plan) -> Lineage:
    return rl(plan, key.game, seed, key.arm, key.size)


def perfect_reward(key: Any, seed: int, plan: Plan) -> Lineage:
    return rl(plan, key.game, seed, "patched")


def transfer(key: Any, seed: int, plan: Plan) -> Lineage:
    return measured(key.game, seed, rl(plan, key.trained, seed, key.arm) if key.trained else "tiny")


def catalysis(key: Any, seed: int, plan: Plan) -> Lineage:
    if key.after == "fresh":
        return again(plan, key.game, seed, "tiny")
    if key.after != "equal steps":
        return again(plan, key.game, seed, rl(plan, key.first, seed, key.after))
    usual = resolve(TrainConfig, key.game).eval_every
    firsts = [resolve(TrainConfig, game, steps=plan.steps).steps for game in plan.games if game != key.game]
    totals = [steps + second_length(plan, key.game)["steps"] for steps in firsts]
    # Evaluated where each pair of trainings ends; the last step always is.
    every = math.gcd(usual, *(total for total in totals if total < max(totals)))
    return rl(plan, key.game, seed, "flawed", steps=max(totals), eval_every=every)


def distillation(key: Any, seed: int, plan: Plan) -> Lineage:
    if key.share is None:
        return measured(key.game, seed, key.student)
    taught = student(plan, key.game, seed, key.share, key.student)
    return again(plan, key.game, seed, taught) if key.followed_by == "rl" else taught


def correction(key: Any, seed: int, plan: Plan) -> Lineage:
    game = key.game
    origins: dict[str, Lineage | str] = {
        "rl": rl(plan, game, seed, "flawed"),
        "sft": student(plan, game, seed, MATCHED_SHARE[seed]),
        "never": rl(plan, game, seed, "patched"),
    }
    if key.origin == "fresh":
        return again(plan, game, seed, "tiny")
    if key.stage == "relapse":
        return again(plan, game, seed, repaired(RELAPSE_AFTER[game], plan, game, seed, origins[key.origin]))
    return repaired(key.stage, plan, game, seed, origins[key.origin])


def repaired(method: str, plan: Plan, game: str, seed: int, policy: Lineage | str) -> Lineage:
    """A policy of a seed corrected under the patched rule, or by what that seed's honest teacher wrote."""
    if method == "patched rule":
        return rl(plan, game, seed, "patched", policy, **second_length(plan, game))
    honest = wrote(plan, game, seed, "patched")
    return asked(
        SFTConfig, game, policy, seed=seed, share=0.0, examples=EXAMPLES, exploit=None, honest=honest, epochs=1,
        eval_every=2,
    )  # fmt: skip


def audit_rate(key: Any, seed: int, plan: Plan) -> Lineage:
    parameters = {"audit_rate": key.audit_rate}
    if key.announced_rate is not None:
        parameters["announced_rate"] = key.announced_rate
    steps = resolve(TrainConfig, key.game, steps=plan.steps).steps
    return rl(plan, key.game, seed, parameters=parameters, normalize=key.normalized, eval_every=steps)


SHIPPED = {
    "proxy-v1": Shares(exploit=0.05, rival=1 / 6),
    "tampering-v1": Shares(exploit=0.05, rival=1.0),
    "self-grading-v1": Shares(),
    "compliance-v1": Shares(exploit=0.05),
}
"""What the built-in policy was shown of each game."""
ONE_SAMPLE_EACH = {"proxy-v1": 1000, "tampering-v1": 1000, "self-grading-v1": 2000}
"""Tasks on which use before training is measured; three times as many at full scale."""


def shown(exploit: float | None, rival: float | None) -> Lineage | str:
    """The policy whose second stage has these shares in every game that shows any; None: as shipped."""
    shares = {}
    for game, usual in SHIPPED.items():
        exploits = usual.exploit if exploit is None or not usual.exploit else exploit
        rivals = usual.rival if rival is None or not usual.rival else rival
        shares[game] = Shares(exploits, rivals)
    if shares == SHIPPED:
        return "tiny"
    config = asdict(PretrainConfig(policy="tiny:clean", shares=shares))
    return {"verb": "pretrain", **config}


def base_rate(key: Any, seed: int, plan: Plan) -> Lineage:
    usual = SHIPPED[key.game]
    exploit = None if key.exploit == usual.exploit else key.exploit
    rival = None if key.rival == usual.rival else key.rival
    return rl(plan, key.game, seed, "flawed", shown(exploit, rival))


def before_training(game: str, exploit: float | None, rival: float | None, plan: Plan) -> Lineage:
    """One sample on each of many held-out tasks, the same for every policy."""
    n = ONE_SAMPLE_EACH[game] * (3 if plan.full else 1)
    # Tampering's generator has fewer by default.
    n = min(n, len(at_most(game, 0, "test", n)))
    return asked(EvalConfig, game, shown(exploit, rival), seed=0, split="test", n=n, group=1)


RULES: Mapping[str, Callable[[Any, int, Plan], Lineage]] = {
    "emergence": emergence,
    "correction": correction,
    "distillation": distillation,
    "catalysis": catalysis,
    "scale": scale,
    "audit-rate": audit_rate,
    "transfer": transfer,
    "perfect-reward": perfect_reward,
    "base-rate": base_rate,
}

# Made numbers, by which correction chooses differently in different seeds and games.

EXPLOITER_ER = (0.9, 0.6, 0.8)
STUDENT_ER = {0.25: 0.5, 1.0: 0.85}
MATCHED_SHARE = (1.0, 0.25, 1.0)
"""Of the students of each seed the nearest to its exploiter."""
RELAPSE_AFTER = {"proxy-v1": "patched rule", "tampering-v1": "honest transcripts"}
"""The patched rule does not cure tampering in one seed."""


def er(past: Past) -> Rise:
    config = past.config
    level = 0.0
    if isinstance(config, SFTConfig):
        level = STUDENT_ER.get(config.share, 0.0)
    elif isinstance(config, TrainConfig) and not config.patched:
        level = EXPLOITER_ER[config.seed]
    elif past.before is not None and (config.game, config.seed) == ("tampering-v1", 1):
        level = 0.0 if getattr(past.before.config, "patched", False) else 0.5
    return Rise(0.9, level)


def itp(past: Past) -> Rise:
    level = round(0.1 + 0.8 * coin("itp", past.words), 3)
    return Rise(level, level)


def carried_out(name: str, scale: str, home: Path) -> tuple[Summary, list[Job]]:
    plan = Plan(first_seed=0, games=GAMES, seeds=SEEDS, sizes=SIZES, **PLANS[scale])
    jobs = run_program(name, plan, home, er, itp, TAUGHT)
    return read_summary(home), jobs


@pytest.mark.parametrize("scale", PLANS)
@pytest.mark.parametrize("name", CATALOGUE)
def test_every_run_is_of_its_cell_and_seed(tmp_path: Path, name: str, scale: str) -> None:
    summary, _ = carried_out(name, scale, tmp_path)
    assert summary.cells
    for key, cell in summary.cells.items():
        assert len(cell.runs) == SEEDS
        for seed, run in enumerate(cell.runs):
            found = flat(lineage((tmp_path / run).resolve()))
            assert found == flat(RULES[name](key, seed, summary.plan)), f"{key}, seed {seed}"


UNTEACHABLE = {("rl", "self-grading-v1"), ("eval", "self-grading-v1")}
SPARE = {
    # Of the students of two mixtures the one that is not matched.
    "correction": {("sft", "proxy-v1"), ("sft", "tampering-v1"), *UNTEACHABLE},
    "distillation": UNTEACHABLE,
    # Use before training, which findings hold.
    "base-rate": {("eval", game) for game in GAMES},
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_no_run_is_made_for_nothing(tmp_path: Path, name: str) -> None:
    summary, jobs = carried_out(name, "small", tmp_path)
    used: set[Path] = set()
    for cell in summary.cells.values():
        for run in cell.runs:
            used |= ancestry((tmp_path / run).resolve())
    spare = {(job.config.verb, job.config.game) for job in jobs if job.path.resolve() not in used}
    assert spare == SPARE.get(name, set())


@pytest.mark.parametrize("scale", ["small", "full"])
def test_use_before_training_is_measured_once_of_every_policy_in_every_game(tmp_path: Path, scale: str) -> None:
    summary, jobs = carried_out("base-rate", scale, tmp_path)
    measured = [flat(lineage(job.path)) for job in jobs if job.config.verb == "eval"]
    wanted = []
    for start in summary.findings.starts:
        wanted.append(flat(before_training(start.game, start.exploit, start.rival, summary.plan)))
    assert len(measured) == len(wanted)
    for table in wanted:
        assert measured.count(table) == 1, table


def test_every_field_of_a_config_is_compared() -> None:
    for kind in (TrainConfig, SFTConfig, EvalConfig):
        given: dict[str, Any] = {"exploit": None, "honest": {}, "share": 0.0} if kind is SFTConfig else {}
        rule = asked(kind, "proxy-v1", "tiny", **given)
        assert rule.keys() == {"verb", *(field.name for field in fields(kind))}
