"""What a run is asked to do. Everything that decides its numbers is here, and is written to run.json."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

from vulngames.errors import UserError
from vulngames.options import UNSET, optional
from vulngames.sampling import COLDEST, Sampling

if TYPE_CHECKING:
    from vulngames.games import Anything
    from vulngames.games.spec import Spec


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """A policy in a game. `resolve` makes one."""

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
    difficulty: float | None = field(metadata={UNSET: "that of the rows"})
    """Difficulty of the synthetic tasks, in [0, 1]; compliance supports only 0."""
    data: str | None = optional("synthetic tasks")
    """Use the rows of this file (parquet with the published schema, or JSON lines) instead of synthetic tasks. A tenth
    of them, chosen by their contents, is held out."""
    judge: str | None = optional("the rule of the synthetic tasks")
    """compliance only: a policy that judges replies. Its replies may be as long as --parameters judge_tokens 2048 says,
    thinking included."""
    parameters: dict[str, float | bool] = field(default_factory=dict, metadata={UNSET: "the game's own"})
    """Parameters of the game, by name, e.g. audit_rate 0.5."""
    sandbox: str = "local"
    """Where code that the policy wrote is run, in a game that runs code: local, docker:IMAGE or fusion:URL."""

    verb: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(RunConfig):
    """What every kind of training is asked."""

    learning_rate: float
    """Learning rate, constant."""
    eval_tasks: int
    """Held-out tasks in an evaluation; every run of a game is evaluated on the same ones."""
    eval_group: int = 2
    """Samples per held-out task."""
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
    """Samples in one forward and backward pass; the rest of a step is accumulated. Must divide prompts x group; by
    default the largest number that does, up to 16 (8 at the paper's size)."""
    normalize: bool = True
    """Divide the advantages of a group by their standard deviation, as the paper does; else they are only centred."""
    kl: float = 0.0
    """Weight of the KL term towards the starting policy; the paper has none."""

    verb: ClassVar[str] = "rl"


@dataclass(frozen=True, kw_only=True)
class SFTConfig(TrainingConfig):
    """One supervised run on transcripts that other runs hold."""

    exploit: str | None = optional("none, with a share of 0")
    """A run directory of `eval --split train` whose transcripts show the exploit."""
    honest: str | None = optional("none, with a share of 1")
    """A run directory of `eval --split train` whose transcripts are honest."""
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

    @property
    def steps(self) -> int:
        """Optimizer steps."""
        return self.epochs * math.ceil(self.examples / self.batch)

    verb: ClassVar[str] = "sft"


@dataclass(frozen=True, kw_only=True)
class EvalConfig(RunConfig):
    """One policy in one game, without training. The defaults are those of an evaluation in training."""

    policy: str = "tiny"
    """The policy: tiny, hf:PATH_OR_ID, api:MODEL@URL or script:able|unable|exploit. An endpoint that refuses some of
    top_k, top_p, seed, temperature, max_tokens is sent fewer, as with api:MODEL@URL#omit=seed,top_p."""
    split: Literal["test", "train", "all"]
    """Which tasks. test: those held out from all training, the same for every seed. train: those a run with this seed
    would be trained on; `sft` takes what is written on them. all: every row of --data, and its default."""
    n: int
    """Tasks."""
    group: int = 2
    """Samples per task."""
    top_p: float = 1.0
    """Sample from the smallest set of tokens with this much probability: above 0, up to 1."""
    top_k: int = 0
    """Sample from at most this many tokens; 0 or -1 for all."""

    verb: ClassVar[str] = "eval"

    @property
    def sampling(self) -> Sampling:
        """How the policy writes.

        Raises:
            UserError: a number out of its range.
        """
        return Sampling(self.temperature, self.top_p, self.top_k, self.max_tokens)


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
    """A config of this kind: what is given, and otherwise the default of the game for a policy of that size. None
    counts as not given; given `parameters` are merged over the game's default ones.

    Raises:
        UserError: as `fill`, a number out of its range, or fields that do not go together.
    """
    config = fill(kind, game, policy, **given)
    _check(config)
    return config


def fill(kind: type[Config], game: Anything, policy: str = "tiny", **given: Any) -> Config:
    """What `resolve` makes, before its numbers are checked.

    Raises:
        UserError: an unknown game, policy or parameter, or a field that this kind does not have.
    """
    # Not at the top: the command line shows this config's help without needing the games.
    from vulngames import environment, games, policies

    name = games.name_of(game)
    spec = games.spec(name)
    if kind is EvalConfig:
        policies.check_policy(policy, games.make(name))
    else:
        policies.model_source(policy)
    given = {key: value for key, value in given.items() if value is not None}
    valid = [option.name for option in dataclasses.fields(kind)]
    for key in given:
        if key not in valid:
            raise UserError(f"{kind.__name__} has no {key!r}; valid: {', '.join(valid)}")
    hints = get_type_hints(kind)
    given = {key: _typed(key, value, hints[key]) for key, value in given.items()}
    defaults = _defaults(kind, spec, policies.is_small(policy))
    parameters = {**defaults.get("parameters", {}), **given.get("parameters", {})}
    environment.check(name, given.get("judge"), parameters)
    if "sandbox" in given:
        environment.check_sandbox(name, given["sandbox"])
    filled = {**defaults, "split": "all" if "data" in given else "test", **given}
    filled |= {"game": name, "policy": policy, "parameters": parameters, "difficulty": _difficulty(spec, name, given)}
    config = kind(**{key: value for key, value in filled.items() if key in valid})
    if isinstance(config, TrainConfig) and "micro_batch" not in given:
        return dataclasses.replace(config, micro_batch=_largest_fitting(config))
    return config


_IN_WORDS = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}


def _typed(name: str, value: Any, hint: Any) -> Any:
    """A value from Python as the field of that name holds it; a path is held as its text.

    Raises:
        UserError: it is of another type than `hint`.
    """
    if get_origin(hint) is Literal:
        fits, valid = value in get_args(hint), ", ".join(get_args(hint))
    elif get_origin(hint) is dict:
        fits, valid = isinstance(value, Mapping), "a dict from names to numbers"
    else:
        kinds = [kind for kind in get_args(hint) or (hint,) if kind in _IN_WORDS]
        if str in kinds and isinstance(value, PathLike):
            value = fspath(value)
        fits, valid = _is_of(value, kinds), " or ".join(_IN_WORDS[kind] for kind in kinds)
    if not fits:
        from vulngames.games.reference import shown

        raise UserError(f"{name} = {shown(value)}; valid: {valid}")
    return value


def _is_of(value: Any, kinds: Sequence[type]) -> bool:
    # True is a whole number for Python, and a whole number a number for everybody.
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, (*kinds, int) if float in kinds else tuple(kinds))


def _defaults(kind: type[RunConfig], spec: Spec, small: bool) -> Defaults:
    general, own, sft = (_TINY, spec.tiny, _TINY_SFT) if small else (_PAPER, spec.paper, _PAPER_SFT)
    defaults = {**general, **own}
    if kind is SFTConfig:
        return {**defaults, **sft}
    if kind is EvalConfig:
        # An evaluation is the one that training makes; the group of a training step is something else.
        defaults["n"] = defaults["eval_tasks"]
        defaults["group"] = defaults.get("eval_group", TrainingConfig.eval_group)
    return defaults


def _largest_fitting(config: TrainConfig) -> int:
    samples = config.prompts * config.group
    fitting = [size for size in range(1, config.micro_batch + 1) if samples % size == 0]
    return max(fitting, default=config.micro_batch)


def _difficulty(spec: Spec, name: str, given: Mapping[str, Any]) -> float | None:
    from vulngames import tasks

    if "data" in given and "difficulty" in given:
        asked = f"difficulty = {given['difficulty']}"
        raise UserError(f"{asked}, but the rows of a file are as hard as they are; valid: one of the two")
    if "data" in given:
        return None
    return tasks.difficulty_of(name, given.get("difficulty"))


_COUNTS = (
    "steps", "prompts", "group", "micro_batch", "eval_every", "eval_tasks", "eval_group", "n", "checkpoint_every",
    "max_tokens", "examples", "epochs", "batch",
)  # fmt: skip


def _check(config: RunConfig) -> None:
    values = dataclasses.asdict(config)
    for name in _COUNTS:
        # GRPO learns from how the samples of a group differ.
        least = 2 if name == "group" and isinstance(config, TrainConfig) else 1
        if values.get(name, least) < least:
            raise UserError(f"{name} = {values[name]} is too small; valid: {least} or more")
    sampling = config.sampling if isinstance(config, EvalConfig) else Sampling(config.temperature)
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
    if isinstance(config, EvalConfig) and config.split == "all" and config.data is None:
        raise UserError("split = 'all' means every row of a file, and --data names none; valid: test, train")


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
