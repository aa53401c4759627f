"""Made studies: run directories with the numbers that a test wants, and the summary.json that the package writes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import permutations, product
from pathlib import Path
from typing import Any

from vulngames.arm import Arm
from vulngames.files import write_json
from vulngames.games import SPECS
from vulngames.measure import Interval, plain
from vulngames.runs import Run, open_run
from vulngames.studies.audit_rate import key as audit_rate
from vulngames.studies.catalogue import CATALOGUE
from vulngames.studies.catalysis import key as catalysis
from vulngames.studies.correction import key as correction
from vulngames.studies.distillation import key as distillation
from vulngames.studies.plan import Plan
from vulngames.studies.scale import key as scale
from vulngames.studies.summary import Summary, cell_of, read_summary, write_summary

EVERY = 5
"""Steps between the evaluations of a made run."""
PARAMETERS = 342016
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


def made_study(
    home: Path, name: str, plan: Plan, er: Made, itp: Made = half, findings: Any = None
) -> Summary[Any, Any]:
    """The study called `name`, with a run of made measures for every key that its plan promises and every seed.

    Args:
        er: as many evaluations as a run has, `EVERY` steps apart.
        itp: the same; what it has more is left out.
        findings: what the study found beyond its cells; `findings_of` if left out.
    """

    def make(path: Path, key: Any, seed: int) -> Run:
        return made_run(path, key, seed, er(key, seed), itp(key, seed))

    return study_of(home, name, plan, make, findings)


def study_of(home: Path, name: str, plan: Plan, make: MakeRun, findings: Any = None) -> Summary[Any, Any]:
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
        run.add_metrics(_row(EVERY * place, exploited, itp[place]))
    return run


def opened(path: Path, config: Mapping[str, Any]) -> Run:
    """A run directory as training makes it, which says what its game is."""
    run = open_run(path, config, "cpu")
    write_json(path / "run.json", {**run.about, "game": described(config["game"])})
    return run


def described(game: str) -> dict[str, Any]:
    """What run.json says of a game."""
    made = SPECS[game].game
    gap = made.measures.gap and [made.measures.gap.first, made.measures.gap.second]
    return {"id": game, "asked": made.asked, "hole": made.hole, "measures": {**vars(made.measures), "gap": gap}}


def named(key: Any) -> str:
    """A key as the beginning of a directory's name."""
    return "-".join(str(value) for value in vars(key).values()).replace("/", "_").replace(" ", "_")


@cache
def _about() -> str:
    """What run.json says of a run that is made here, but for its config."""
    with tempfile.TemporaryDirectory() as folder:
        return json.dumps(open_run(Path(folder) / "run", {}, "cpu").about)


def _row(step: int, er: float | None, itp: float | None) -> dict[str, Any]:
    exploited = plain(None if er is None else at(er))
    intended = plain(None if itp is None else at(itp))
    return {
        "step": step, "n": 100, "failed": 0, "cut": None, "reward": exploited, "patched": intended, "itp": intended,
        "er": exploited, "paper": {"itp": intended, "er": exploited}, "parts": {},
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


def _scale(plan: Plan) -> scale.Findings:
    return scale.Findings({size: 150_000 * (1 + place) for place, size in enumerate(plan.compared)})


_FINDINGS: dict[str, Callable[[Plan], Any]] = {
    "audit-rate": _audit_rate,
    "catalysis": _catalysis,
    "correction": _correction,
    "distillation": _distillation,
    "scale": _scale,
}
