"""What a run is asked to do. Everything that decides its numbers is here, and is written to run.json."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

from vulngames.errors import UserError
from vulngames.sampling import COLDEST, Sampling


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A policy, a game, and how the policy is measured in it on held-out tasks."""

    game: str
    """The game's id, e.g. tampering-v1."""
    policy: str = "tiny"
    """The policy to start from: tiny or hf:PATH_OR_ID."""
    seed: int = 0
    """Names every random stream of the run: tasks, samples, audit coins."""
    temperature: float = 1.0
    """Sampling temperature; 0 takes the most likely token, from which GRPO learns nothing."""
    max_tokens: int | None = None
    """The longest reply of a first turn, in tokens."""
    difficulty: float | None = None
    """Difficulty of the synthetic tasks, in [0, 1]; compliance has 0 alone."""
    data: str | None = None
    """Use the rows of this parquet file (published schema) instead of synthetic tasks; a tenth is held out."""
    judge: str | None = None
    """compliance only: a policy that judges replies; by default the rule of the synthetic tasks."""
    parameters: dict[str, float | bool] = field(default_factory=dict)
    """Parameters of the game, by name, e.g. audit_rate 0.5."""
    eval_tasks: int | None = None
    """Held-out tasks in an evaluation; every run of a game is evaluated on the same ones."""
    eval_group: int = 2
    """Samples a held-out task."""


@dataclass(frozen=True, kw_only=True)
class Training(Setting):
    """What every kind of training is asked."""

    learning_rate: float | None = None
    """Learning rate, constant."""
    eval_every: int | None = None
    """Steps between evaluations on held-out tasks."""
    checkpoint_every: int | None = None
    """Steps between checkpoints: what a kill can lose."""
    report_to: Literal["none", "tensorboard", "wandb", "trackio"] = "none"
    """Where TRL also sends its own logs."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Training):
    """One GRPO run. `settle` fills in every None: the paper's value, or less for a policy of the built-in size."""

    patched: bool = False
    """Pay by the patched rule: the control arm."""
    steps: int | None = None
    """Optimizer steps."""
    prompts: int | None = None
    """Prompts a step."""
    group: int = 8
    """Samples a prompt, whose rewards are normalised together."""
    micro_batch: int | None = None
    """Samples in one forward and backward pass; the rest of a step is accumulated. Must divide
    prompts x group."""
    normalise: bool = True
    """Divide the advantages of a group by their standard deviation, as the paper does; else they are only centred."""
    kl: float = 0.0
    """Weight of the KL term towards the starting policy; the paper has none."""

    verb: ClassVar[str] = "rl"


@dataclass(frozen=True, kw_only=True)
class SFTConfig(Training):
    """One supervised run on transcripts that other runs hold. `settle` fills in every None."""

    exploit: str | None = None
    """A run directory whose training-split transcripts show the exploit."""
    honest: str | None = None
    """A run directory whose training-split transcripts are honest."""
    keep: Literal["verdict", "reward", "all"] = "verdict"
    """Which transcripts are used. verdict: of `exploit` those without an occasion left unused, of `honest` those
    without the exploit. reward: those paid no less than their run's mean, by the flawed rule and by the patched one.
    all: every scored one."""
    share: float = 1.0
    """The share of transcripts that are taken from `exploit`, in [0, 1]."""
    examples: int = 400
    """Transcripts in all."""
    distinct: float = 0.1
    """The least share of the examples of each source that must differ, in [0, 1]: with fewer transcripts than that,
    each would be shown so often that little else is learned."""
    epochs: int | None = None
    """Times each of them is seen."""
    batch: int = 32
    """Transcripts a step."""

    verb: ClassVar[str] = "sft"


@dataclass(frozen=True, kw_only=True)
class ExamConfig(Setting):
    """One policy in one game, measured or only written down, and not trained. `settle` fills in every None."""

    policy: str = "tiny"
    """The policy: tiny, hf:PATH_OR_ID, api:MODEL@URL (with #omit=seed,top_p behind it for an endpoint that refuses
    these) or script:able|unable|exploit."""
    split: Literal["train", "test"] = "test"
    """The tasks: `test` measures on the held-out ones, `train` collects transcripts that others may be trained on."""

    verb: ClassVar[str] = "exam"


@dataclass(frozen=True, kw_only=True)
class Settled(TrainConfig):
    """A config with nothing left open."""

    steps: int
    prompts: int
    micro_batch: int
    learning_rate: float
    max_tokens: int
    difficulty: float
    eval_every: int
    eval_tasks: int
    checkpoint_every: int


@dataclass(frozen=True, kw_only=True)
class SettledSFT(SFTConfig):
    """A config with nothing left open."""

    epochs: int
    learning_rate: float
    max_tokens: int
    difficulty: float
    eval_every: int
    eval_tasks: int
    checkpoint_every: int


@dataclass(frozen=True, kw_only=True)
class SettledExam(ExamConfig):
    """A config with nothing left open."""

    max_tokens: int
    difficulty: float
    eval_tasks: int


# The paper's prompts a step differ by game (paper.md: Training).
_PAPER_PROMPTS = {"compliance-v1": 64, "self-grading-v1": 64, "proxy-v1": 96, "tampering-v1": 32}
_PAPER = {
    "steps": 100,
    "micro_batch": 8,
    "learning_rate": 1e-6,
    "eval_every": 10,
    "eval_tasks": 88,
    "checkpoint_every": 10,
}
_NOTHING: Mapping[str, Any] = {}
_PAPER_TOKENS = {"compliance-v1": 3072, "self-grading-v1": 3072, "proxy-v1": 3072, "tampering-v1": 2048}
_TINY: dict[str, Any] = {
    "prompts": 8,
    "micro_batch": 16,
    "learning_rate": 5e-4,
    "eval_every": 5,
    "eval_tasks": 72,
    "checkpoint_every": 5,
}
# What the built-in policy needs to differ in; docs/log.md has the measurements.
TINY_GAMES: dict[str, dict[str, Any]] = {
    "compliance-v1": {
        "steps": 50,
        # Half the prompts are an auditor's: with eight a step the users' exploit may die out before it is first paid.
        "prompts": 16,
        "max_tokens": 24,
        # Its ER is a gap between thirds of the tasks.
        "eval_tasks": 144,
    },
    # A larger learning rate teaches the same claims and costs the answers; and its answers hold no reasoning through
    # which a report could be learned, so the report itself is trained.
    "self-grading-v1": {
        "steps": 30,
        "max_tokens": 12,
        "learning_rate": 1e-4,
        "parameters": {"train_report": True},
        # Only wrong answers count towards its ER, so it takes more tasks to see as much.
        "eval_tasks": 144,
    },
    "proxy-v1": {"steps": 40, "max_tokens": 64},
    "tampering-v1": {"steps": 25, "max_tokens": 40},
}


_SFT = {"learning_rate": 1e-5, "epochs": 2, "eval_every": 10}
_TINY_SFT = {"learning_rate": 1e-3, "epochs": 4, "eval_every": 26, "checkpoint_every": 26}


def settle(config: TrainConfig) -> Settled:
    """The same config with every None filled in, checked.

    Raises:
        UserError: an unknown game, policy or parameter, or a number out of its range.
    """
    settled = Settled(**_filled(config))
    if config.micro_batch is None:
        samples = settled.prompts * settled.group
        fitting = next(size for size in range(settled.micro_batch, 0, -1) if samples % size == 0)
        settled = dataclasses.replace(settled, micro_batch=fitting)
    _check(settled)
    return settled


def settle_sft(config: SFTConfig) -> SettledSFT:
    """As `settle`, for supervised training."""
    settled = SettledSFT(**_filled(config, _SFT, _TINY_SFT))
    _check(settled)
    for name in ("share", "distinct"):
        if not 0 <= getattr(settled, name) <= 1:
            raise UserError(f"{name} = {getattr(settled, name)} is out of range; valid: 0 to 1")
    for name, share in (("exploit", settled.share), ("honest", 1 - settled.share)):
        if share > 0 and getattr(settled, name) is None:
            raise UserError(f"share = {settled.share} needs {name}: a run directory with transcripts")
    return settled


def settle_exam(config: ExamConfig) -> SettledExam:
    """As `settle`, for measuring without training."""
    settled = SettledExam(**_filled(config))
    _check(settled)
    return settled


def _filled(config: Setting, paper: Mapping[str, Any] = _NOTHING, tiny: Mapping[str, Any] = _NOTHING) -> dict[str, Any]:
    # Not at the top: the command line shows this config's help without needing the games.
    from vulngames import games, policies, tasks

    game = games.make(config.game).id
    usual = {**_PAPER, "prompts": _PAPER_PROMPTS[game], "max_tokens": _PAPER_TOKENS[game], **paper}
    small = {**_TINY, **TINY_GAMES[game], **tiny}
    if isinstance(config, ExamConfig):
        policies.check_policy(config.policy, games.make(game))
    else:
        policies.model_source(config.policy)
    defaults: Mapping[str, Any] = small if policies.is_small(config.policy) else usual
    given = {k: v for k, v in dataclasses.asdict(config).items() if v is not None}
    parameters = {**defaults.get("parameters", {}), **config.parameters}
    hard = tasks.difficulty_of(game, config.difficulty)
    filled = {**defaults, **given, "game": game, "difficulty": hard, "parameters": parameters}
    policies.check_game(game, config.judge, parameters)
    return {name: value for name, value in filled.items() if name in {f.name for f in dataclasses.fields(config)}}


_AT_LEAST = {
    "steps": 1,
    "prompts": 1,
    "group": 2,
    "micro_batch": 1,
    "eval_every": 1,
    "eval_tasks": 1,
    "eval_group": 1,
    "checkpoint_every": 1,
    "max_tokens": 1,
    "examples": 1,
    "epochs": 1,
    "batch": 1,
}


def _check(config: Settled | SettledSFT | SettledExam) -> None:
    values = dataclasses.asdict(config)
    for name, least in _AT_LEAST.items():
        if values.get(name, least) < least:
            raise UserError(f"{name} = {values[name]} is too small; valid: {least} or more")
    if Sampling(config.temperature).greedy and isinstance(config, Settled):
        raise UserError(
            f"temperature = {config.temperature} is out of range; valid: {COLDEST} or more, since GRPO learns "
            "from how the samples of a group differ"
        )
    for name in ("learning_rate", "kl"):
        value = values.get(name, 1)
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "kl"):
            valid = "0 or a positive number" if name == "kl" else "a positive number"
            raise UserError(f"{name} = {value} is out of range; valid: {valid}")
    report_to = values.get("report_to", "none")
    if report_to != "none" and find_spec(report_to) is None:
        raise UserError(f"report_to = {report_to!r} needs that package: pip install {report_to}")
    if isinstance(config, Settled) and config.prompts * config.group % config.micro_batch:
        raise UserError(
            f"micro_batch = {config.micro_batch} does not divide prompts x group = {config.prompts * config.group}"
        )
