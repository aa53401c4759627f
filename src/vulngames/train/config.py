"""What a run is asked to do. Everything that decides its numbers is here, and is written to run.json."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from vulngames.errors import UserError
from vulngames.sampling import COLDEST, Sampling

if TYPE_CHECKING:
    from vulngames.games import Anything


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """A policy, a game, and how the policy is measured in it on held-out tasks. `resolve` makes one."""

    game: str
    """The game's id, e.g. tampering-v1; or package.module:NAME or FILE.py:NAME of a game or a reward function."""
    policy: str = "tiny"
    """The policy to start from: tiny or hf:PATH_OR_ID."""
    seed: int = 0
    """Names every random stream of the run: tasks, samples, audit coins."""
    temperature: float = 1.0
    """Sampling temperature; 0 takes the most likely token, from which GRPO learns nothing."""
    max_tokens: int
    """The longest reply of a first turn, in tokens."""
    difficulty: float | None
    """Difficulty of the synthetic tasks, in [0, 1]; compliance supports only 0."""
    data: str | None = None
    """Use the rows of this file (parquet with the published schema, or JSON lines) instead of synthetic tasks; a tenth
    is held out."""
    judge: str | None = None
    """compliance only: a policy that judges replies; by default the rule of the synthetic tasks."""
    parameters: dict[str, float | bool] = field(default_factory=dict)
    """Parameters of the game, by name, e.g. audit_rate 0.5."""
    eval_tasks: int
    """Held-out tasks in an evaluation; every run of a game is evaluated on the same ones."""
    eval_group: int = 2
    """Samples per held-out task."""

    verb: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(RunConfig):
    """What every kind of training is asked."""

    learning_rate: float
    """Learning rate, constant."""
    eval_every: int
    """Steps between evaluations on held-out tasks."""
    checkpoint_every: int
    """Steps between checkpoints: what a kill can lose."""
    report_to: Literal["none", "tensorboard", "wandb", "trackio"] = "none"
    """Where TRL also sends its own logs."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig(TrainingConfig):
    """One GRPO run. The defaults are the paper's, or less for a policy of the built-in size."""

    patched: bool = False
    """Pay by the patched rule: the control arm."""
    steps: int
    """Optimizer steps."""
    prompts: int
    """Prompts per step."""
    group: int = 8
    """Samples per prompt, whose rewards are normalised together."""
    micro_batch: int
    """Samples in one forward and backward pass; the rest of a step is accumulated. Must divide
    prompts x group."""
    normalize: bool = True
    """Divide the advantages of a group by their standard deviation, as the paper does; else they are only centred."""
    kl: float = 0.0
    """Weight of the KL term towards the starting policy; the paper has none."""

    verb: ClassVar[str] = "rl"


@dataclass(frozen=True, kw_only=True)
class SFTConfig(TrainingConfig):
    """One supervised run on transcripts that other runs hold."""

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
    epochs: int
    """Times each of them is seen."""
    batch: int = 32
    """Transcripts per step."""

    verb: ClassVar[str] = "sft"


@dataclass(frozen=True, kw_only=True)
class EvalConfig(RunConfig):
    """One policy in one game, measured or only written down, and not trained."""

    policy: str = "tiny"
    """The policy: tiny, hf:PATH_OR_ID, api:MODEL@URL (with #omit=seed,top_p behind it for an endpoint that refuses
    these) or script:able|unable|exploit."""
    split: Literal["train", "test"] = "test"
    """The tasks: `test` measures on the held-out ones, `train` collects transcripts that others may be trained on."""

    verb: ClassVar[str] = "eval"


Config = TypeVar("Config", bound=RunConfig)
Defaults = Mapping[str, Any]

# The defaults of every game; what a game needs to differ in is in its `Spec`, and goes before these.
_PAPER: Defaults = {
    "steps": 100,
    "prompts": 32,
    "max_tokens": 2048,
    "micro_batch": 8,
    "learning_rate": 1e-6,
    "eval_every": 10,
    "eval_tasks": 88,
    "checkpoint_every": 10,
}
_TINY: Defaults = {
    "steps": 25,
    "prompts": 8,
    "max_tokens": 64,
    "micro_batch": 16,
    "learning_rate": 5e-4,
    "eval_every": 5,
    "eval_tasks": 72,
    "checkpoint_every": 5,
}
_PAPER_SFT: Defaults = {"learning_rate": 1e-5, "epochs": 2, "eval_every": 10}
_TINY_SFT: Defaults = {"learning_rate": 1e-3, "epochs": 4, "eval_every": 26, "checkpoint_every": 26}


def resolve(kind: type[Config], game: Anything, policy: str = "tiny", **given: Any) -> Config:
    """A config of this kind: what is given, and else the default of the game for a policy of that size. None counts as
    not given; `parameters` go before those of the defaults one by one.

    Raises:
        UserError: an unknown game, policy or parameter, a field that this kind does not have, or a number out of its
            range.
    """
    # Not at the top: the command line shows this config's help without needing the games.
    from vulngames import environment, games, policies

    name = games.name_of(game)
    spec = games.spec(name)
    if kind is EvalConfig:
        policies.check_policy(policy, games.make(name))
    else:
        policies.model_source(policy)
    defaults = _defaults(kind, spec, policies.is_small(policy))
    given = {key: value for key, value in given.items() if value is not None}
    parameters = {**defaults.get("parameters", {}), **given.get("parameters", {})}
    environment.check(name, given.get("judge"), parameters)
    filled = {**defaults, **given, "game": name, "policy": policy, "parameters": parameters}
    filled["difficulty"] = _difficulty(spec, name, given)
    valid = [each.name for each in dataclasses.fields(kind)]
    for key in given:
        if key not in valid:
            raise UserError(f"{kind.__name__} has no {key!r}; valid: {', '.join(valid)}")
    config = kind(**{key: value for key, value in filled.items() if key in valid})
    if isinstance(config, TrainConfig) and "micro_batch" not in given:
        samples = config.prompts * config.group
        fitting = [size for size in range(1, config.micro_batch + 1) if samples % size == 0]
        config = dataclasses.replace(config, micro_batch=max(fitting, default=config.micro_batch))
    _check(config)
    return config


def _defaults(kind: type[RunConfig], spec: Any, small: bool) -> Defaults:
    general, own, sft = (_TINY, spec.tiny, _TINY_SFT) if small else (_PAPER, spec.paper, _PAPER_SFT)
    return {**general, **own, **(sft if kind is SFTConfig else {})}


def _difficulty(spec: Any, name: str, given: Mapping[str, Any]) -> float | None:
    from vulngames import tasks

    if spec.source is None and given.get("data") and given.get("difficulty") is None:
        return None
    return tasks.difficulty_of(name, given.get("difficulty"))


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


def _check(config: RunConfig) -> None:
    values = dataclasses.asdict(config)
    for name, least in _AT_LEAST.items():
        if values.get(name, least) < least:
            raise UserError(f"{name} = {values[name]} is too small; valid: {least} or more")
    sampling = Sampling(config.temperature)
    for name in ("learning_rate", "kl"):
        value = values.get(name, 1)
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "kl"):
            valid = "0 or a positive number" if name == "kl" else "a positive number"
            raise UserError(f"{name} = {value} is out of range; valid: {valid}")
    report_to = values.get("report_to", "none")
    if report_to != "none" and find_spec(report_to) is None:
        raise UserError(f"report_to = {report_to!r} needs that package: pip install {report_to}")
    if isinstance(config, TrainConfig):
        _check_grpo(config, sampling)
    if isinstance(config, SFTConfig):
        _check_sft(config)


def _check_grpo(config: TrainConfig, sampling: Sampling) -> None:
    from vulngames import games
    from vulngames.types import is_game

    if sampling.greedy:
        raise UserError(
            f"temperature = {config.temperature} is out of range; valid: {COLDEST} or more, since GRPO learns "
            "from how the samples of a group differ"
        )
    if config.prompts * config.group % config.micro_batch:
        raise UserError(
            f"micro_batch = {config.micro_batch} does not divide prompts x group = {config.prompts * config.group}"
        )
    if config.patched and not is_game(games.make(config.game)):
        raise UserError(f"{config.game} only pays, and has no patched rule; valid: a game, or train without --patched")


def _check_sft(config: SFTConfig) -> None:
    for name in ("share", "distinct"):
        if not 0 <= getattr(config, name) <= 1:
            raise UserError(f"{name} = {getattr(config, name)} is out of range; valid: 0 to 1")
    for name, share in (("exploit", config.share), ("honest", 1 - config.share)):
        if share > 0 and getattr(config, name) is None:
            raise UserError(f"share = {config.share} needs {name}: a run directory with transcripts")
