"""Every study from made runs through its own program, its summary.json and the ledger."""

from __future__ import annotations

import dataclasses
import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from made import OCCASIONS, Measure, Past, Rise, made_study, pretrained, run_program
from vulngames.claims import Judged, ledger
from vulngames.claims import effect as effects
from vulngames.games import SPECS
from vulngames.games.spec import Shares
from vulngames.measures import Interval
from vulngames.runs import Run
from vulngames.seeds import coin
from vulngames.studies import stages
from vulngames.studies.catalogue import CATALOGUE
from vulngames.studies.job import Store
from vulngames.studies.plan import Plan
from vulngames.studies.summary import Summary, read_summary
from vulngames.training.config import EvalConfig, SFTConfig, TrainConfig, resolve
from vulngames.training.pretraining import PretrainConfig

GAMES = ("proxy-v1", "tampering-v1", "self-grading-v1", "compliance-v1")
SIZES = ("tiny:small", "tiny", "tiny:large")
S, C, Q, N = "supported", "contradicted", "inconclusive", "not measurable"


@pytest.fixture(autouse=True)
def few_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teachers write little."""
    monkeypatch.setattr(stages, "EXAMPLES", 4)


def half(past: Past) -> Rise:
    return Rise(0.5, 0.5)


def constant(level: float) -> Measure:
    return lambda past: Rise(level, level)


# What a cell's policies have been through, in words.


def rl(game: str, arm: str, policy: str = "tiny", steps: int | None = None) -> str:
    return f"{policy} > rl {game} {arm} {steps or resolve(TrainConfig, game).steps}"


def second(policy: str, plan: Plan, game: str, arm: str = "flawed") -> str:
    return rl(game, arm, policy, stages.second_steps(plan, game))


def student(game: str, share: float, policy: str = "tiny") -> str:
    wrote = [f"{rl(game, arm)} > eval {game} train" for arm in ("flawed", "patched")]
    used = {0.0: wrote[1:], 1.0: wrote[:1]}.get(share, wrote)
    return f"{policy} > sft {game} {share:g} of [{'; '.join(used)}]"


def emergence(key: Any, summary: Summary) -> str:
    trained = " train_report=True" if key.variant.endswith("report trained") else ""
    return rl(key.game, key.arm) + trained + (" stated=False" if key.variant.startswith("nothing stated") else "")


def transfer(key: Any, summary: Summary) -> str:
    policy = rl(key.trained, key.arm) if key.trained else "tiny"
    return f"{policy} > eval {key.game} test"


def catalysis(key: Any, summary: Summary) -> str:
    plan = summary.plan
    if key.after == "equal steps":
        firsts = [resolve(TrainConfig, game).steps for game in plan.games if game != key.game]
        return rl(key.game, "flawed", steps=max(firsts) + stages.second_steps(plan, key.game))
    return second(rl(key.first, key.after) if key.first else "tiny", plan, key.game)


def distillation(key: Any, summary: Summary) -> str:
    if key.share is None:
        return f"{key.student} > eval {key.game} test"
    taught = student(key.game, key.share, key.student)
    return second(taught, summary.plan, key.game) if key.followed_by == "rl" else taught


def correction(key: Any, summary: Summary) -> str:
    exploiter = rl(key.game, "flawed")
    students = [student(key.game, share) for share in (0.25, 1.0)]
    policies = {
        "rl": exploiter,
        "sft": min(students, key=lambda words: abs(number("er", words) - number("er", exploiter))),
        "never": rl(key.game, "patched"),
        "fresh": "tiny",
    }
    policy = policies[key.origin]
    if key.stage == "relapse" and key.origin != "fresh":
        policy = corrected(policy, summary.findings.relapse_after[key.game], key.game, summary.plan)
    if key.stage == "relapse":
        return second(policy, summary.plan, key.game)
    return corrected(policy, key.stage, key.game, summary.plan)


def corrected(policy: str, method: str, game: str, plan: Plan) -> str:
    return second(policy, plan, game, "patched") if method == "patched rule" else student(game, 0.0, policy)


def scale(key: Any, summary: Summary) -> str:
    return rl(key.game, key.arm, key.size)


def audit_rate(key: Any, summary: Summary) -> str:
    announced = "" if key.announced_rate is None else f" announced_rate={key.announced_rate}"
    centred = "" if key.normalized else " centred"
    return f"{rl(key.game, 'flawed')}{centred} audit_rate={key.audit_rate}{announced}"


def perfect_reward(key: Any, summary: Summary) -> str:
    return rl(key.game, "patched")


def base_rate(key: Any, summary: Summary) -> str:
    usual = SPECS[key.game].shares
    if key.exploit is None or (key.exploit, key.rival or 0.0) == (usual.exploit, usual.rival):
        return rl(key.game, "flawed")
    shares = {}
    for game, spec in SPECS.items():
        if spec.corpus and key.exploit != usual.exploit:
            shares[game] = dataclasses.replace(spec.shares, exploit=key.exploit if spec.shares.exploit else 0.0)
        elif spec.corpus:
            shares[game] = dataclasses.replace(spec.shares, rival=0.0)
    return rl(key.game, "flawed", f"tiny:clean > {pretrained(shares)}")


WORDS: dict[str, Callable[[Any, Summary], str]] = {
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


def number(measure: str, words: str) -> float:
    """A number from 0.05 to 0.95 that belongs to these words alone."""
    return round(0.05 + 0.9 * coin(measure, words), 3)


def numbers(measure: str) -> Measure:
    return lambda past: Rise(number(f"{measure} at the start", past.words), number(measure, past.words))


@pytest.mark.parametrize("scale_", ["small", "full"])
@pytest.mark.parametrize("name", list(CATALOGUE))
def test_every_cell_is_made_of_the_runs_that_its_labels_name(tmp_path: Path, name: str, scale_: Any) -> None:
    plan = Plan(first_seed=0, games=GAMES[:3], seeds=2, sizes=SIZES, scale=scale_)
    jobs = run_program(name, plan, tmp_path, numbers("er"), numbers("itp"), taught=GAMES[:2])
    summary = read_summary(tmp_path)
    assert list(summary.cells) == list(CATALOGUE[name].part("key").promised(plan, summary.findings)) != []
    assert len({WORDS[name](key, summary) for key in summary.cells}) == len(summary.cells)
    for key, cell in summary.cells.items():
        words = WORDS[name](key, summary)
        assert [Run(tmp_path / run).about["config"]["seed"] for run in cell.runs] == [0, 1]
        assert [er.mean for er in cell.of_seeds("er_end") if er] == seeds_of(number("er", words))
        assert [itp.mean for itp in cell.of_seeds("itp_end") if itp] == seeds_of(number("itp", words))
        if cell.ends.steps:
            assert [er.mean for er in cell.of_seeds("er_start") if er] == seeds_of(number("er at the start", words))
    used = {str(tmp_path / run) for cell in summary.cells.values() for run in cell.runs}
    assert used <= {str(job.path) for job in jobs}


def seeds_of(mean: float) -> list[Any]:
    return [pytest.approx(mean + 0.001 * (seed - 1), abs=1e-6) for seed in (0, 1)]


def test_the_control_of_equal_steps_is_read_where_both_trainings_end(tmp_path: Path) -> None:
    def er(past: Past) -> Rise:
        # Half-way through, which the trainings that are not the longest are not.
        return Rise(0.1, 0.9, at=0.999)

    plan = Plan(first_seed=0, games=GAMES[:3], seeds=2)
    run_program("catalysis", plan, tmp_path, er, half, ())
    for equal in read_summary(tmp_path).findings.equal_steps:
        firsts = {game: resolve(TrainConfig, game).steps for game in plan.games if game != equal.game}
        assert equal.steps == firsts[equal.first] + stages.second_steps(plan, equal.game)
        longest = firsts[equal.first] == max(firsts.values())
        assert equal.er.mean == pytest.approx(0.9 if longest else 0.1, abs=1e-3)


def test_use_before_training_is_that_of_the_policy_that_was_shown_so_much(tmp_path: Path) -> None:
    def er(past: Past) -> Rise:
        return Rise(0.0, number("er", past.words))

    plan = Plan(first_seed=0, games=GAMES, seeds=1)
    run_program("base-rate", plan, tmp_path, er, half, ())
    findings = read_summary(tmp_path).findings
    shipped = {game: spec.shares for game, spec in SPECS.items() if spec.corpus}
    assert len(findings.starts) == 6 * len(GAMES)
    for start in findings.starts:
        shares = {}
        for game, usual in shipped.items():
            exploit = start.exploit if usual.exploit and start.exploit is not None else usual.exploit
            shares[game] = Shares(exploit, 0.0 if start.rival == 0.0 else usual.rival)
        policy = "tiny" if shares == shipped else f"tiny:clean > {pretrained(shares)}"
        share = number("er", f"{policy} > eval {start.game} test")
        assert (start.used, start.occasions) == (round(OCCASIONS * share), OCCASIONS)


def test_a_policy_that_is_not_built_in_is_measured_as_it_is(tmp_path: Path) -> None:
    plan = Plan(first_seed=0, games=GAMES, seeds=2, policy="tiny:small")
    jobs = run_program("base-rate", plan, tmp_path, half, half, ())
    summary = read_summary(tmp_path)
    assert [(key.exploit, key.rival) for key in summary.cells] == [(None, None)] * 4
    assert {job.config.verb for job in jobs} == {"rl", "eval"} and len(summary.findings.starts) == 4
    assert {statement.verdict for statement in ledger([tmp_path]) if statement.given} == {N}


# What claims say of made numbers.


def trainings(past: Past | None) -> list[Any]:
    """The configs of everything that trained, oldest first."""
    if past is None:
        return []
    own = [] if isinstance(past.config, EvalConfig) else [past.config]
    return [*trainings(past.before), *own]


def by_arm(flawed: Rise, patched: Rise) -> Measure:
    return lambda past: patched if past.config.patched else flawed


def after_training(flawed: float, patched: float, untrained: float) -> Measure:
    """ER of a policy wherever it is evaluated, by what it was trained on."""

    def er(past: Past) -> Rise:
        trained = trainings(past)
        if not trained:
            return Rise(untrained, untrained)
        return Rise(0.0, patched if trained[0].patched else flawed)

    return er


def after_first(exploit: Rise, patched: Rise, fresh: Rise, long: Rise) -> Measure:
    """ER of a second training by the first."""

    def er(past: Past) -> Rise:
        first, *more = trainings(past)
        if more:
            return patched if first.patched else exploit
        return long if first.eval_tasks == resolve(TrainConfig, first.game).eval_tasks else fresh

    return er


def taught(exploit: float, honest: float, untrained: float, one_percent: Rise, none: Rise) -> Measure:
    """ER of students, and of RL after one."""

    def er(past: Past) -> Rise:
        trained = trainings(past)
        if not trained:
            return Rise(untrained, untrained)
        first = trained[0]
        if not isinstance(first, SFTConfig):
            return Rise(0.0, 0.9)
        if len(trained) > 1:
            return one_percent if first.share else none
        return Rise(0.0, exploit if first.share == 1 else honest)

    return er


CURED_AT_ONCE, CURED_LATE, NOT_CURED = Rise(0.9, 0.02, at=0.2), Rise(0.9, 0.02, at=0.9), Rise(0.9, 0.6)
SOON, LATE = Rise(0.1, 0.9, at=0.1), Rise(0.1, 0.9, at=0.8)


def after_correction(patched_rule: Mapping[str, Rise], relapse: Mapping[str, Rise], sft: float = 0.9) -> Measure:
    """ER of exploiters, of their correction by the patched rule and by transcripts (which cures), and of relapse."""

    def er(past: Past) -> Rise:
        trained = trainings(past)
        if not trained or (len(trained) == 1 and not isinstance(trained[0], SFTConfig)):
            return first_of(trained, relapse)
        first, *more = trained
        if not more:
            return Rise(0.0, sft if first.share == 1 else 0.3)
        origin = "sft" if isinstance(first, SFTConfig) else "never" if first.patched else "rl"
        if len(more) > 1:
            return relapse[origin]
        return Rise(0.9, 0.02) if isinstance(more[0], SFTConfig) else patched_rule[origin]

    return er


def first_of(trained: list[Any], relapse: Mapping[str, Rise]) -> Rise:
    if not trained:
        return Rise(0.0, 0.0)
    if trained[0].patched:
        return Rise(0.0, 0.0)
    whole = trained[0].eval_every == resolve(TrainConfig, trained[0].game).eval_every
    return Rise(0.0, 0.9) if whole else relapse["fresh"]


def by_size(small: float, large: float) -> Measure:
    return lambda past: Rise(0.0, {"tiny:small": small, "tiny:large": large}.get(past.root, 0.9))


def audits(usual: float, centred: float, low: float = 0.9, high: float = 0.1, announced: float = 0.9) -> Measure:
    """ER along the curves: `low` up to an audit rate, and `high` above it."""

    def er(past: Past) -> Rise:
        config = past.config
        assert isinstance(config, TrainConfig)
        rate = config.parameters["audit_rate"]
        if "announced_rate" in config.parameters:
            return Rise(0.0, announced)
        return Rise(0.0, low if rate <= (usual if config.normalize else centred) else high)

    return er


def by_dose(never: Rise, little: Rise, shipped: Rise, much: Rise) -> Measure:
    """ER by how much of the exploit the second stage showed."""

    def er(past: Past) -> Rise:
        first = trainings(past)[0] if trainings(past) else None
        if not isinstance(first, PretrainConfig):
            return shipped
        share = first.shares[past.config.game].exploit
        return {0.0: never, 0.001: little, 0.1: much}.get(share, shipped)

    return er


Expected = Mapping[tuple[str, str], str]
PAPER, OURS = "the paper", "ours"


@dataclass(frozen=True)
class Case:
    """A study with made numbers, and what each of its claims comes out as; one that is left out may be anything."""

    study: str
    er: Measure
    verdicts: Expected
    itp: Measure = half
    plan: Plan = dataclasses.field(default_factory=lambda: Plan(first_seed=0, games=GAMES, seeds=3, sizes=SIZES))
    taught: tuple[str, ...] = GAMES


LOW, HIGH = Rise(0.02, 0.02), Rise(0.02, 0.9)
ORIGINS = ("rl", "sft", "never", "fresh")
CASES = {
    "emergence, learned under the flaw": Case(
        "emergence", by_arm(HIGH, LOW),
        {
            ("emergence", "v1"): S, ("emergence", "v2"): S, ("patch", OURS): S, ("blind-spot", PAPER): Q,
            ("score-rises", PAPER): S,
        },
        itp=lambda past: Rise(0.4, 0.6),
    ),
    "emergence, learned under both rules and at the task's cost": Case(
        "emergence", by_arm(HIGH, HIGH),
        {
            ("emergence", "v1"): C, ("emergence", "v2"): Q, ("patch", OURS): C, ("blind-spot", PAPER): Q,
            ("score-rises", PAPER): C,
        },
        itp=lambda past: Rise(0.6, 0.1),
    ),
    "emergence, in the patched arm alone": Case(
        "emergence", by_arm(LOW, HIGH),
        {("emergence", "v1"): C, ("emergence", "v2"): Q, ("patch", OURS): C, ("blind-spot", PAPER): N},
    ),
    "emergence, one run beside an unchanged task score": Case(
        "emergence", by_arm(HIGH, LOW), {("emergence", "v1"): N, ("emergence", "v2"): S, ("blind-spot", PAPER): S},
        plan=Plan(first_seed=0, games=GAMES[1:2], seeds=1),
    ),
    "transfer, to every game": Case(
        "transfer", after_training(0.6, 0.02, 0.02),
        {("transfer", "v1"): S, ("transfer", "v2"): S, ("transfer-limited", "v2"): C},
    ),
    "transfer, nowhere": Case("transfer", after_training(0.02, 0.02, 0.02), {("transfer-limited", "v2"): S}),
    "transfer, of the patched training too": Case(
        "transfer", after_training(0.3, 0.6, 0.02), {("transfer", "v1"): C, ("transfer", "v2"): C}
    ),
    "transfer, the untrained policy does it": Case(
        "transfer", after_training(0.3, 0.02, 0.6), {("transfer", "v1"): C, ("transfer", "v2"): C}
    ),
    "catalysis, sooner and higher": Case(
        "catalysis", after_first(Rise(0.1, 0.95, at=0.2), Rise(0.1, 0.4), Rise(0.1, 0.4), Rise(0.1, 0.4)),
        {("catalysis-sooner", PAPER): S, ("catalysis-higher", PAPER): S, ("tampering-then-grading", PAPER): S},
    ),
    "catalysis, later and lower than fresh": Case(
        "catalysis", after_first(Rise(0.1, 0.4), Rise(0.1, 0.3), Rise(0.1, 0.8, at=0.2), Rise(0.1, 0.3)),
        {("catalysis-sooner", PAPER): C, ("catalysis-higher", PAPER): C, ("tampering-then-grading", PAPER): C},
    ),
    "catalysis, later and lower than after the patched game": Case(
        "catalysis", after_first(Rise(0.1, 0.4), Rise(0.1, 0.8, at=0.2), Rise(0.1, 0.3), Rise(0.1, 0.3)),
        {("catalysis-sooner", PAPER): C, ("catalysis-higher", PAPER): C, ("tampering-then-grading", PAPER): C},
    ),
    "catalysis, lower than after as many steps": Case(
        "catalysis", after_first(Rise(0.1, 0.6, at=0.2), Rise(0.1, 0.3), Rise(0.1, 0.3), Rise(0.1, 0.8)),
        {("catalysis-sooner", PAPER): S, ("catalysis-higher", PAPER): C, ("tampering-then-grading", PAPER): C},
    ),
    "distillation, of all": Case(
        "distillation", taught(0.9, 0.02, 0.02, Rise(0.0, 0.9, at=0.1), Rise(0.0, 0.3)),
        {
            ("distillation", PAPER): S, ("distillation-other-size", PAPER): S, ("one-percent-higher", OURS): S,
            ("one-percent-sooner", OURS): S,
        },
    ),
    "distillation, of nothing but honest transcripts": Case(
        "distillation", taught(0.1, 0.6, 0.02, Rise(0.0, 0.3), Rise(0.0, 0.8, at=0.1)),
        {
            ("distillation", PAPER): C, ("distillation-other-size", PAPER): C, ("one-percent-higher", OURS): C,
            ("one-percent-sooner", OURS): C,
        },
    ),
    "distillation, the untrained student does it": Case(
        "distillation", taught(0.1, 0.02, 0.6, LOW, LOW),
        {("distillation", PAPER): C, ("distillation-other-size", PAPER): C, ("one-percent-sooner", OURS): N},
    ),
    "distillation, of exploiters that exploit too little": Case(
        "distillation", taught(0.9, 0.02, 0.02, SOON, LATE),
        dict.fromkeys(
            [
                ("distillation", PAPER), ("distillation-other-size", PAPER), ("one-percent-higher", OURS),
                ("one-percent-sooner", OURS),
            ],
            N,
        ),
        taught=(),
    ),
    "correction, harder after RL, and relapse": Case(
        "correction",
        after_correction(
            {"rl": NOT_CURED, "sft": CURED_AT_ONCE, "never": LOW},
            {"rl": SOON, "sft": SOON, "never": LATE, "fresh": LATE},
        ),
        {
            ("harder-to-correct", "v1"): S, ("harder-to-correct", "v2"): S, ("longer-to-correct", "v1"): S,
            ("longer-to-correct", "v2"): S, ("relapse", OURS): S,
        },
    ),
    "correction, harder after SFT, and no relapse": Case(
        "correction",
        after_correction(
            {"rl": CURED_AT_ONCE, "sft": NOT_CURED, "never": LOW},
            {"rl": LATE, "sft": LATE, "never": SOON, "fresh": LATE},
        ),
        {
            ("harder-to-correct", "v1"): C, ("harder-to-correct", "v2"): C, ("longer-to-correct", "v1"): C,
            ("longer-to-correct", "v2"): C, ("relapse", OURS): C,
        },
    ),
    "correction, later than the first time": Case(
        "correction",
        after_correction(
            {"rl": CURED_LATE, "sft": CURED_AT_ONCE, "never": LOW},
            {"rl": LATE, "sft": LATE, "never": LATE, "fresh": SOON},
        ),
        {("longer-to-correct", "v1"): S, ("relapse", OURS): C},
    ),
    "correction, of exploiters that are no match": Case(
        "correction",
        after_correction({"rl": NOT_CURED, "sft": CURED_AT_ONCE, "never": LOW}, dict.fromkeys(ORIGINS, SOON), sft=0.5),
        {("harder-to-correct", "v1"): N, ("longer-to-correct", "v2"): N},
    ),
    "correction, of exploiters that exploit too little": Case(
        "correction",
        after_correction(dict.fromkeys(ORIGINS, LOW), dict.fromkeys(ORIGINS, LOW)),
        {("harder-to-correct", "v1"): N, ("longer-to-correct", "v1"): N, ("relapse", OURS): N},
        taught=(),
    ),
    "scale, larger policies exploit less": Case(
        "scale", by_size(0.8, 0.3), {("scale", OURS): S, ("scale-compliance", PAPER): S}
    ),
    "scale, larger policies exploit more": Case(
        "scale", by_size(0.3, 0.8), {("scale", OURS): C, ("scale-compliance", PAPER): C}
    ),
    "audits, as the closed form has it": Case(
        "audit-rate", audits(usual=0.1, centred=0.0),
        {
            ("audits-too-rare", OURS): S, ("audits-of-all", PAPER): S, ("audit-crossing", OURS): S,
            ("audit-crossing-able", OURS): S, ("audit-normalized", OURS): S, ("announcing", PAPER): S,
        },
        itp=constant(0.02),
    ),
    "audits, that take too many": Case(
        "audit-rate", audits(usual=0.5, centred=0.2),
        {
            ("audits-too-rare", OURS): S, ("audits-of-all", PAPER): S, ("audit-crossing", OURS): C,
            ("audit-crossing-able", OURS): C, ("audit-normalized", OURS): S,
        },
        itp=constant(0.02),
    ),
    "audits, that take fewer if normalised, and announcements that help": Case(
        "audit-rate", audits(usual=0.1, centred=0.2, announced=0.2),
        {("audit-normalized", OURS): C, ("announcing", PAPER): C},
        itp=constant(0.02),
    ),
    "audits, that turn it round": Case(
        "audit-rate", audits(usual=0.15, centred=0.15, low=0.2, high=0.9),
        {
            ("audits-too-rare", OURS): C, ("audits-of-all", PAPER): C, ("audit-crossing", OURS): N,
            ("audit-crossing-able", OURS): N, ("audit-normalized", OURS): N,
        },
    ),
    "audits, of a policy that is often right": Case(
        "audit-rate", audits(usual=0.2, centred=0.05),
        {("audit-crossing-able", OURS): C},
        itp=constant(0.6),
    ),
    "perfect reward, it grows": Case(
        "perfect-reward", lambda past: Rise(0.07, 0.74), {("unpaid", PAPER): S, ("unpaid-tampering", PAPER): S}
    ),
    "base rate, only what was shown is learned": Case(
        "base-rate", by_dose(LOW, LATE, SOON, SOON),
        {
            ("unshown-compliance", "ours"): S, ("unshown-tampering", "ours"): S, ("unshown-proxy", "ours"): S,
            ("learned-unshown", "ours"): Q, ("dose", "ours"): S,
        },
    ),
    "base rate, what was shown is not learned": Case(
        "base-rate", by_dose(SOON, SOON, LOW, LATE),
        {
            ("unshown-compliance", "ours"): C, ("unshown-tampering", "ours"): C, ("unshown-proxy", "ours"): C,
            ("learned-unshown", "ours"): S, ("dose", "ours"): C,
        },
    ),
    "perfect reward, it does not": Case(
        "perfect-reward", lambda past: Rise(0.3, 0.1), {("unpaid", PAPER): Q, ("unpaid-tampering", PAPER): C}
    ),
}  # fmt: skip


def judged(home: Path, case: Case) -> list[Judged]:
    """The study's claims as the ledger has them, by our measures."""
    run_program(case.study, case.plan, home, case.er, case.itp, case.taught)
    return [statement for statement in ledger([home]) if statement.given and statement.measures == "ours"]


@pytest.fixture
def certain_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds speak for all others: what is asked here is what is compared with what. What so few of them can say
    otherwise is in test_verdicts.py."""
    monkeypatch.setattr(effects, "_spread", lambda means, limits, level: Interval(*[sum(means) / len(means)] * 3))


@pytest.mark.usefixtures("certain_seeds")
@pytest.mark.parametrize("name", list(CASES))
def test_claims_come_out_as_the_made_numbers_say(tmp_path: Path, name: str) -> None:
    statements = judged(tmp_path, CASES[name])
    verdicts = {(statement.id, statement.by): statement.verdict for statement in statements}
    assert {of: verdict for of, verdict in verdicts.items() if of in CASES[name].verdicts} == CASES[name].verdicts
    for statement in statements:
        reasons = [statement.reason, *(cell.reason for cell in statement.cells)]
        assert not any("no cell" in reason or "in the study" in reason for reason in reasons), statement


def test_every_claim_of_a_study_is_seen_supported_and_failing() -> None:
    seen: dict[tuple[str, str], set[str]] = {}
    for case in CASES.values():
        for of, verdict in case.verdicts.items():
            seen.setdefault(of, set()).add(verdict)
    for name in CATALOGUE:
        for claim in CATALOGUE[name].part("claims").CLAIMS:
            for variant in claim.variants:
                # No number of runs shows that something cannot be.
                against = Q if variant.quantifier.truth == "single run" else C
                assert seen[claim.id, variant.by] >= {S, against}, (claim.id, variant.by)


@pytest.mark.parametrize(
    ("study", "games", "id", "reason"),
    [
        ("emergence", ("proxy-v1", "tampering-v1"), "score-rises", "the study does not train self-grading-v1"),
        ("catalysis", ("proxy-v1", "tampering-v1"), "tampering-then-grading", "the study does not train both games"),
        ("scale", ("proxy-v1", "tampering-v1"), "scale-compliance", "the study does not train compliance-v1"),
        ("base-rate", ("proxy-v1",), "unshown-tampering", "the study has no dial for tampering-v1"),
        ("perfect-reward", ("proxy-v1",), "unpaid-tampering", "the study does not train tampering-v1"),
    ],
)
def test_a_claim_of_a_game_that_is_not_trained_says_so(
    tmp_path: Path, study: str, games: tuple[str, ...], id: str, reason: str
) -> None:
    case = Case(study, by_arm(HIGH, LOW), {}, plan=Plan(first_seed=0, games=games, seeds=2, sizes=SIZES))
    if study == "catalysis":
        case = dataclasses.replace(case, er=after_first(HIGH, LOW, LOW, LOW))
    if study == "base-rate":
        case = dataclasses.replace(case, er=half)
    (statement,) = [statement for statement in judged(tmp_path, case) if statement.id == id]
    assert (statement.verdict, statement.reason) == (N, reason)


@pytest.mark.usefixtures("certain_seeds")
def test_policies_of_one_size_are_compared_in_the_plan_s_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("made.PARAMETERS_OF", {})
    verdicts = {statement.verdict for statement in judged(tmp_path, Case("scale", by_size(0.8, 0.3), {}))}
    assert verdicts == {S}


def test_one_size_and_one_game_say_so(tmp_path: Path) -> None:
    one = Plan(first_seed=0, games=GAMES[:1], seeds=2, sizes=("tiny",))
    alone = judged(tmp_path / "scale", Case("scale", by_size(0.1, 0.1), {}, plan=one))
    assert {statement.reason for statement in alone} == {"one size only"}
    students = judged(tmp_path / "students", Case("distillation", taught(0.9, 0, 0, SOON, LATE), {}, plan=one))
    reasons = {statement.id: statement.reason for statement in students}
    assert reasons["distillation-other-size"] == "no student of another size than the teacher's"
    second = judged(tmp_path / "catalysis", Case("catalysis", after_first(HIGH, LOW, LOW, LOW), {}, plan=one))
    assert {statement.verdict for statement in second} == {N}


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_a_fifth_game_is_one_game_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(SPECS, "fifth-v1", SPECS["proxy-v1"])
    games = (*GAMES, "fifth-v1")
    plan = Plan(first_seed=0, games=games, seeds=2, sizes=("tiny",))
    run_program(name, plan, tmp_path, half, half, games)
    summary = read_summary(tmp_path)
    assert summary.games == (["self-grading-v1"] if name == "audit-rate" else list(games))
    assert all(statement.study for statement in ledger([tmp_path]) if statement.given)


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_where_nothing_was_measured_nothing_is_said(tmp_path: Path, name: str) -> None:
    # Not a zero, not a crash.
    plan = Plan(first_seed=0, games=GAMES, seeds=2, sizes=SIZES)
    run_program(name, plan, tmp_path, lambda past: None, lambda past: None, GAMES)
    summary = read_summary(tmp_path)
    assert all(cell.ends.er_end is None for cell in summary.cells.values())
    assert {statement.verdict for statement in ledger([tmp_path]) if statement.given} == {N}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(CATALOGUE))
def test_a_study_comes_to_a_chapter_of_the_page(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    from vulngames.report import write_report

    plan = Plan(first_seed=0, games=GAMES[:3], seeds=2, sizes=SIZES)
    run_program(name, plan, tmp_path, numbers("er"), numbers("itp"), taught=GAMES[:2])
    page = write_report([tmp_path], tmp_path / "report.html").read_text()
    assert CATALOGUE[name].question in page
    # A lone emergence study is not judged there: its chapter says itself what was found.
    for statement in ledger([tmp_path]) if name != "emergence" else ():
        assert not statement.given or statement.says in html.unescape(page)


def test_studies_share_what_they_train(tmp_path: Path) -> None:
    plan = Plan(first_seed=0, games=("tampering-v1", "proxy-v1"), seeds=1)
    names = {}
    for name in CATALOGUE:
        jobs = run_program(name, plan, tmp_path / name, half, half, plan.games)
        names[name] = {job.path.name for job in jobs}
    for name in ("transfer", "catalysis", "distillation", "correction", "scale"):
        assert names["emergence"] < names[name]
    assert names["perfect-reward"] < names["emergence"]


def test_a_summary_is_plain_json(tmp_path: Path) -> None:
    run_program("correction", Plan(first_seed=0, games=GAMES[:1], seeds=2), tmp_path, half, half, GAMES)
    content = json.loads((tmp_path / "summary.json").read_text())
    assert content["format"] == 2 and content["plan"]["games"] == ["proxy-v1"]
    assert content["cells"][0]["key"] == {"game": "proxy-v1", "origin": "rl", "stage": "patched rule"}


VARIED = "self-grading-v1"


@pytest.mark.parametrize(("policy", "left_out"), [("tiny", []), ("hf", ["nothing stated"])])
def test_emergence_trains_every_variant_that_differs(tmp_path: Path, policy: str, left_out: list[str]) -> None:
    # At the paper's size nothing is stated by default.
    if policy == "hf":
        policy = f"hf:{tmp_path / 'model'}"
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "config.json").write_text("{}")
        with (tmp_path / "model" / "model.safetensors").open("wb") as file:
            file.truncate(60_000_000)
    program = (
        CATALOGUE["emergence"]
        .part("run")
        .run(Plan(first_seed=0, games=(VARIED,), seeds=2, policy=policy), Store(tmp_path))
    )
    jobs = next(program)
    trained = ["", *(name for name in SPECS[VARIED].variants if name not in left_out)]
    settings = [tuple(job.config.parameters.get(name) for name in ("train_report", "stated")) for job in jobs]
    usual = (None, True) if policy == "tiny" else (None, None)
    known = {"": usual, "nothing stated": (None, False), "nothing stated, report trained": (True, False)}
    # Both arms, each with both seeds.
    assert settings == [known[name] for name in trained for _ in range(4)]
    assert [job.config.patched for job in jobs] == [False, False, True, True] * len(trained)
    assert [job.config.seed for job in jobs] == [0, 1] * 2 * len(trained)
    assert len({job.path for job in jobs}) == len(jobs)


def test_the_steps_that_are_asked_for_are_those_of_variants_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = dataclasses.replace(SPECS["proxy-v1"], variants={"longer": {"steps": 60}})
    monkeypatch.setitem(SPECS, "proxy-v1", longer)
    for asked, steps in ((None, [40, 40, 60, 60]), (4, [4, 4])):
        plan = Plan(first_seed=0, games=("proxy-v1",), seeds=1, steps=asked)
        jobs = next(CATALOGUE["emergence"].part("run").run(plan, Store(tmp_path)))
        assert [job.config.steps for job in jobs] == steps


def test_variants_stand_beside_the_game_on_the_page(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from pages import words
    from vulngames.report import write_report

    def er(key: Any, seed: int) -> list[float | None]:
        return [0.02, 0.9, 0.9, 0.9] if key.arm == "flawed" else [0.02] * 4

    made_study(tmp_path, "emergence", Plan(first_seed=0, games=(VARIED,), seeds=2), er)
    said = words(write_report([tmp_path], tmp_path / "report.html", tmp_path / "er.png"))
    assert "self-grading-v1, nothing stated: the paper's rule and prompt: the report is greedy" in said
    assert "self-grading-v1, nothing stated, report trained: the paper's prompt, but not its rule" in said
    for label in ("", ", nothing stated", ", nothing stated, report trained"):
        assert f"learned {VARIED}{label} : the exploit is learned in 2 of 2 seeds: under the flaw ER" in said
    summary = read_summary(tmp_path)
    assert summary.games == [VARIED] and len(summary.cells) == 6
