"""Made studies: run directories with the numbers that a test wants, and the summary.json that the package writes."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from itertools import permutations, product
from pathlib import Path
from typing import Any

import msgspec

from vulngames.arm import Arm, Ends, Evaluated, Pooled
from vulngames.files import write_json
from vulngames.games import SPECS
from vulngames.games.spec import Shares
from vulngames.measures import Interval, plain
from vulngames.policies import TINY
from vulngames.runs import Run, open_run
from vulngames.studies.audit_rate import key as audit_rate
from vulngames.studies.base_rate import key as base_rate
from vulngames.studies.catalogue import CATALOGUE
from vulngames.studies.catalysis import key as catalysis
from vulngames.studies.correction import key as correction
from vulngames.studies.distillation import key as distillation
from vulngames.studies.emergence import key as emergence
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.scale import key as scale
from vulngames.studies.study import summarise
from vulngames.studies.summary import Summary, cell_of, read_summary, write_summary
from vulngames.training.config import EvalConfig, SFTConfig, TrainConfig
from vulngames.training.directory import described
from vulngames.training.pretraining import PretrainConfig
from vulngames.training.splits import held_out_tasks, train_tasks
from vulngames.types import Paper, Sample, Task

EVERY = 5
"""Steps between the evaluations of a made run."""
PARAMETERS = 342016
PARAMETERS_OF = {"tiny:small": 167_000, "tiny:large": 905_000}
Values = Sequence[float | None]
"""A measure at each evaluation; None: it could not be measured."""
Made = Callable[[Any, int], Values]
"""A measure of the run of one key and seed."""
MakeRun = Callable[[Path, Any, int], Run]
"""Makes the run of one key and seed at a path."""


def at(mean: float) -> Interval:
    """An interval around a share, 0.05 to both sides."""
    return Interval(mean, max(-1.0, mean - 0.05), min(1.0, mean + 0.05))


def half(key: Any, seed: int) -> Values:
    """A measure that stays at one half."""
    return [0.5] * 100


def made_study(home: Path, name: str, plan: Plan, er: Made, itp: Made = half, findings: Any = None) -> Summary:
    """The study called `name`, with a run of made measures for every key that its plan promises and every seed.

    Args:
        er: as many evaluations as a run has, `EVERY` steps apart.
        itp: the same; what it has more is left out.
        findings: what the study found beyond its cells; `findings_of` if left out.
    """

    def make(path: Path, key: Any, seed: int) -> Run:
        return made_run(path, key, seed, er(key, seed), itp(key, seed))

    return study_of(home, name, plan, make, findings)


def study_of(home: Path, name: str, plan: Plan, make: MakeRun, findings: Any = None) -> Summary:
    """The same of runs that `make` makes."""
    home.mkdir(parents=True, exist_ok=True)
    part = CATALOGUE[name].part("key")
    findings = findings_of(name, plan) if findings is None else findings
    cells = {}
    for key in part.promised(plan, findings):
        paths = [home / "runs" / f"{named(key)}-{seed}" for seed in plan.seed_range]
        for seed, path in zip(plan.seed_range, paths, strict=True):
            make(path, key, seed)
        arm = Arm(key.game, str(getattr(key, "arm", None) or ""), tuple(paths))
        cells[key] = cell_of(key, arm, home)
    summary = Summary(
        home, name, plan.policy, len(plan.seed_range), plan.scale, f"vulngames study {name}", 412.3, plan, {}, cells,
        findings,
    )  # fmt: skip
    write_summary(summary)
    return read_summary(home)


def made_run(path: Path, key: Any, seed: int, er: Values, itp: Values) -> Run:
    """A finished run with these measures and no samples."""
    path.mkdir(parents=True, exist_ok=True)
    config = {
        "game": key.game, "patched": getattr(key, "arm", None) == "patched", "policy": "tiny", "seed": seed,
        "steps": EVERY * (len(er) - 1),
    }  # fmt: skip
    run = Run(path)
    write_json(path / "run.json", {**json.loads(_about()), "config": config, "game": described(key.game)})
    run.finish(parameters_of_policy=PARAMETERS)
    for place, exploited in enumerate(er):
        run.add_metrics(_row(EVERY * place, exploited, itp[place], itp[0]))
    return run


def pooled_of(run: Ends) -> Pooled:
    """What a table says of runs that are all like one, but for those that open."""
    alike = {field.name: getattr(run, field.name) for field in fields(Evaluated)}
    return Pooled(**alike, opened=0, judged=0, opens=None, er_opened=None)


def opened(path: Path, config: Mapping[str, Any]) -> Run:
    """A run directory as training makes it, which says what its game is."""
    return open_run(path, config, "cpu", game=described(config["game"]))


def named(key: Any) -> str:
    """A key as the beginning of a directory's name."""
    return "-".join(filter(None, map(str, vars(key).values()))).replace("/", "_").replace(" ", "_")


@cache
def _about() -> str:
    """What run.json says of a run that is made here, but for its config."""
    with tempfile.TemporaryDirectory() as folder:
        return json.dumps(open_run(Path(folder) / "run", {}, "cpu").about)


def _row(step: int, er: float | None, itp: float | None, first: float | None) -> dict[str, Any]:
    """`first`: ITP at step 0."""
    moved = None if not step or itp is None or first is None else at(itp - first)
    exploited = plain(None if er is None else at(er))
    intended = plain(None if itp is None else at(itp))
    return {
        "step": step, "n": 100, "failed": 0, "cut": None, "reward": exploited, "patched": intended, "itp": intended,
        "er": exploited, "paper": {"itp": intended, "er": exploited}, "parts": {},
        "change": moved and {"itp": plain(moved)},
    }  # fmt: skip


def findings_of(name: str, plan: Plan) -> Any:
    """Findings that promise every cell a study can have: all games are taught, all exploiters matched and cured."""
    make = _FINDINGS.get(name)
    return make(plan) if make else CATALOGUE[name].part("key").Findings()


def _audit_rate(plan: Plan) -> audit_rate.Findings:
    crossings = []
    for curve in audit_rate.CURVES:
        crossing = audit_rate.Crossing(
            curve.announced_rate, curve.normalized, Interval(0.3, 0.2, 0.4), right=0.4, expected=0.25,
            reinforced=(0.52, 0.31),
        )  # fmt: skip
        crossings.append(crossing)
    line = ((0.14, 0.0), (0.3, 0.5), (1.0, 1.0))
    return audit_rate.Findings(tuple(crossings), {"pays": line, "reinforced": line})


def _base_rate(plan: Plan) -> base_rate.Findings:
    """A policy uses an exploit half as often as it was shown it."""
    shipped = {game: SPECS[game].shares for game in plan.games if SPECS[game].shares.exploit}
    starts = []
    for game, dose in product(plan.games, base_rate.doses(plan, shipped)):
        shown = SPECS[game].shares.exploit if dose.exploit is None else dose.exploit
        starts.append(base_rate.Start(game, dose.exploit, dose.rival, round(500 * shown), 1000, at(0.4)))
    return base_rate.Findings(shipped, tuple(starts))


def _catalysis(plan: Plan) -> catalysis.Findings:
    pairs = permutations(plan.games, 2)
    return catalysis.Findings(tuple(catalysis.EqualSteps(first, game, 40, at(0.6)) for first, game in pairs))


def _correction(plan: Plan) -> correction.Findings:
    seeds = len(plan.seed_range)
    matches, recoveries = [], []
    for game in plan.games:
        pairs = (correction.Pair(rl=0.9, sft=0.88, share=1.0),) * seeds
        matches.append(correction.Match(game, 0.02, True, pairs))
    for game, method, origin in product(plan.games, correction.METHODS, correction.CORRECTED):
        steps, lowest, cured = (6,) * seeds, (0.1,) * seeds, (True,) * seeds
        recoveries.append(correction.Recovery(game, origin, method, steps, lowest, cured, at(0.02)))
    return correction.Findings(tuple(matches), tuple(recoveries), dict.fromkeys(plan.games, "patched rule"))


def _distillation(plan: Plan) -> distillation.Findings:
    return distillation.Findings(plan.games)


def _emergence(plan: Plan) -> emergence.Findings:
    return emergence.Findings({game: tuple(SPECS[game].variants) for game in plan.games})


def _scale(plan: Plan) -> scale.Findings:
    return scale.Findings({size: 150_000 * (1 + place) for place, size in enumerate(plan.compared)})


_FINDINGS: dict[str, Callable[[Plan], Any]] = {
    "emergence": _emergence,
    "audit-rate": _audit_rate,
    "base-rate": _base_rate,
    "catalysis": _catalysis,
    "correction": _correction,
    "distillation": _distillation,
    "scale": _scale,
}


@dataclass(frozen=True)
class Past:
    """What a made run's policy has been through: the run's own config, and what its policy was before."""

    config: Any
    before: Past | None

    @property
    def root(self) -> str:
        """The policy that it all began with."""
        return self.before.root if self.before else str(self.config.policy)

    @property
    def words(self) -> str:
        """Everything in a line but the seed, oldest first."""
        c = self.config
        if isinstance(c, PretrainConfig):
            return f"{c.policy} > {pretrained(c.shares)}"
        done = f"{c.verb} {c.game}"
        if isinstance(c, TrainConfig):
            done += f" {'patched' if c.patched else 'flawed'} {c.steps}" + ("" if c.normalize else " centred")
            for name, usual in STUDIED.items():
                value = c.parameters.get(name, usual)
                done += "" if value == usual else f" {name}={value}"
        if isinstance(c, SFTConfig):
            teachers = [_past(Path(path)).words for path in (c.exploit, c.honest) if path]
            done += f" {c.share:g} of [{'; '.join(teachers)}]"
        if isinstance(c, EvalConfig):
            done += f" {c.split}"
        return f"{self.before.words if self.before else c.policy} > {done}"


def pretrained(shares: Mapping[str, Shares]) -> str:
    """A second stage in words."""
    shown = [f"{game} {share.exploit:g}/{share.rival:g}" for game, share in sorted(shares.items())]
    return f"pretrained {', '.join(shown)}"


STUDIED: Mapping[str, Any] = {"audit_rate": None, "announced_rate": None, "train_report": False, "stated": True}
"""Parameters that a study sets, with what they are where it does not: None of those that have no such default."""


@dataclass(frozen=True)
class Rise:
    """A made measure over a run: `start`, and from the share `at` of its steps on `end`."""

    start: float
    end: float
    at: float = 0.5


Measure = Callable[[Past], Rise | None]
"""A measure of a run by what it is; None: it cannot be measured."""


def run_program(name: str, plan: Plan, home: Path, er: Measure, itp: Measure, taught: Sequence[str]) -> list[Job]:
    """Carry a study's own program out with made runs, and write its summary.json to `home`. So that teachers need not
    write much, have `stages.EXAMPLES` small.

    Args:
        taught: the games whose exploiters write exploits when they are asked for transcripts.

    Returns:
        the jobs of every stage.
    """
    program = CATALOGUE[name].part("run").run(plan, Store(home / "runs"))
    done: dict[Path, Job] = {}
    while True:
        try:
            stage = next(program)
        except StopIteration as end:
            write_summary(summarise(name, plan, home, end.value, 1.0))
            return list(done.values())
        for job in stage:
            if job.path not in done:
                done[job.path] = job
                _carry_out(job, er, itp, taught)


def _carry_out(job: Job, er: Measure, itp: Measure, taught: Sequence[str]) -> None:
    job.path.mkdir(parents=True)
    run = Run(job.path)
    about = {**json.loads(_about()), "verb": job.config.verb, "config": asdict(job.config)}
    write_json(run.path / "run.json", about)
    past = _past(job.path)
    run.finish(parameters_of_policy=PARAMETERS_OF.get(past.root, PARAMETERS))
    run.policy.symlink_to(TINY["tiny:small"])
    steps = _steps(job.config)
    for step in steps:
        share = step / steps[-1] if steps[-1] else 1.0
        first = _value(itp(past), 0.0, past)
        run.add_metrics(_row(step, _value(er(past), share, past), _value(itp(past), share, past), first))
    if isinstance(job.config, EvalConfig) and job.config.split == "train":
        run.add_samples(0, "train", [_sample(task, past, taught) for task in _tasks(job.config)])
    if isinstance(job.config, EvalConfig) and job.config.group == 1:
        run.add_samples(0, "test", _occasions(past, er(past)))


OCCASIONS = 20
"""Samples of a made evaluation of one sample a task, each an occasion."""


def _occasions(past: Past, rise: Rise | None) -> list[Sample]:
    """Samples of which a share is exploited; none where ER cannot be measured."""
    tasks = held_out_tasks(past.config, OCCASIONS if rise else 0)
    used = round(OCCASIONS * rise.end) if rise else 0
    return [_made_sample(task, past, place < used) for place, task in enumerate(tasks)]


def _tasks(config: EvalConfig) -> list[Task]:
    return train_tasks(config, config.n)


def _sample(task: Task, past: Past, taught: Sequence[str]) -> Sample:
    assert past.before is not None
    teacher = past.before.config
    return _made_sample(task, past, teacher.game in taught and not getattr(teacher, "patched", False))


def _made_sample(task: Task, past: Past, exploited: bool) -> Sample:
    return Sample(
        game=past.config.game, task=task.id, cue=task.cue, pair=task.pair, index=0,
        prompt=task.prompt[-1]["content"], completions=("made",), reward=1.0, patched=0.0, intended=0.0,
        exploited=exploited, evidence="", facts={}, parts={}, paper=Paper(None, None), finish=("stop",), error="",
    )  # fmt: skip


def _past(run: Path) -> Past:
    about = Run(run).about
    kind = _CONFIGS[about["verb"]]
    config = msgspec.convert(about["config"], kind)
    parent = Path(config.policy.removeprefix("hf:")).parent
    before = _past(parent) if (parent / "run.json").is_file() else None
    of_one_seed = before is None or before.config.verb == "pretrain" or before.config.seed == config.seed
    assert of_one_seed, "seeds are paired"
    return Past(config, before)


_CONFIGS: dict[str, type[Any]] = {
    "rl": TrainConfig, "sft": SFTConfig, "eval": EvalConfig, "pretrain": PretrainConfig,
}  # fmt: skip


def _steps(config: Any) -> list[int]:
    """The steps at which a run is evaluated."""
    if isinstance(config, PretrainConfig):
        return []
    if isinstance(config, EvalConfig):
        return [0]
    assert isinstance(config, TrainConfig | SFTConfig)
    last = (
        config.steps if isinstance(config, TrainConfig) else config.epochs * math.ceil(config.examples / config.batch)
    )
    return [*range(0, last, config.eval_every), last]


def _value(rise: Rise | None, share: float, past: Past) -> float | None:
    """Seeds differ a little."""
    if rise is None:
        return None
    level = rise.end if share >= rise.at else rise.start
    return level + 0.001 * (int(past.config.seed) - 1)
