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
class SampledConfig(RunConfig):
    """A run that is there for the samples it draws: to learn from them, or to measure them."""

    temperature: float = 1.0
    """Sampling temperature; 0 takes the most likely token, from which GRPO learns nothing."""
    top_p: float = 1.0
    """Sample from the smallest set of tokens with this much probability: above 0, up to 1. GRPO takes log-probabilities
    from the whole distribution at the temperature, so that below 1 its gradient is not that of the text it samples."""
    top_k: int = 0
    """Sample from at most this many tokens; 0 or -1 for all. For GRPO see top_p."""

    @property
    def sampling(self) -> Sampling:
        """How the policy writes.

        Raises:
            UserError: a number out of its range.
        """
        return Sampling(self.temperature, self.top_p, self.top_k, self.max_tokens)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(RunConfig):
    """What every kind of training is asked."""

    learning_rate: float
    """Learning rate, constant."""
    eval_tasks: int
    """Held-out tasks in an evaluation; every run of a game is evaluated on the same ones."""
    eval_group: int = 2
    """Samples per held-out task."""
    eval_temperature: float = 1.0
    """Sampling temperature in evaluations; 0 takes the most likely token."""
    eval_top_p: float = 1.0
    """In evaluations, sample from the smallest set of tokens with this much probability: above 0, up to 1."""
    eval_top_k: int = 0
    """In evaluations, sample from at most this many tokens; 0 or -1 for all."""
    eval_every: int
    """Steps between evaluations on held-out tasks."""
    checkpoint_every: int
    """Steps between checkpoints: what a kill can lose."""
    report_to: Literal["none", "tensorboard", "wandb", "trackio"] = "none"
    """Where TRL also sends its own logs."""

    @property
    def eval_sampling(self) -> Sampling:
        """How the policy writes in evaluations.

        Raises:
            UserError: a number out of its range.
        """
        return Sampling(self.eval_temperature, self.eval_top_p, self.eval_top_k, self.max_tokens)

    @property
    def updates(self) -> int:
        """Optimizer updates in a step."""
        return 1


@dataclass(frozen=True, kw_only=True)
class TrainConfig(TrainingConfig, SampledConfig):
    """One GRPO run. The defaults are the paper's, but for what `_PAPER` lists, or less for a policy of the built-in
    size."""

    patched: bool = False
    """Pay by the patched rule: the control arm."""
    steps: int
    """Batches of prompts that are sampled and learned from. With --data, at the paper's size, by default as many as the
    paper's passes over the rows take: 5 in compliance, 4 in self-grading and tampering, 1 in proxy."""
    prompts: int
    """Prompts per step."""
    group: int = 8
    """Samples per prompt, whose rewards are normalised together."""
    mini_batch: int
    """Prompts per optimizer update, of which a step has prompts / mini_batch: its samples are shuffled and shared out.
    From the second update on, the clip limits how far the policy moves from the one that sampled. Must divide prompts;
    by default all of them (at the paper's size 32, where that divides them)."""
    micro_batch: int
    """Samples in one forward and backward pass; the rest of an update is accumulated. Must divide mini_batch x group;
    by default the largest number that does, up to 16 (8 at the paper's size)."""
    normalize: bool = True
    """Divide the advantages of a group by their standard deviation, as the paper does; else they are only centred."""
    kl: float = 0.0
    """Weight of the KL term towards the starting policy; the paper has none."""

    @property
    def updates(self) -> int:
        """Optimizer updates in a step."""
        return self.prompts // self.mini_batch

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
        """Steps, of one optimizer update each."""
        return self.epochs * math.ceil(self.examples / self.batch)

    verb: ClassVar[str] = "sft"


@dataclass(frozen=True, kw_only=True)
class EvalConfig(SampledConfig):
    """One policy in one game, without training. The defaults are those of an evaluation in training; an endpoint, which
    need not take them all, is asked at temperature 1."""

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

    verb: ClassVar[str] = "eval"


Config = TypeVar("Config", bound=RunConfig)
Defaults = Mapping[str, Any]

_PLAIN_EVALUATION: Defaults = {
    name: getattr(TrainingConfig, name) for name in ("eval_group", "eval_temperature", "eval_top_p", "eval_top_k")
}
# The defaults of every game; what a game needs to differ in is in its `Spec`, and goes before these.
_PAPER: Defaults = {
    "steps": 100,
    "prompts": 32,
    "mini_batch": 32,
    "max_tokens": 2048,
    "micro_batch": 8,
    "learning_rate": 1e-6,
    "eval_every": 10,
    "eval_tasks": 88,
    "eval_group": 8,
    "eval_temperature": 0.6,
    "eval_top_p": 0.95,
    "eval_top_k": 20,
    "checkpoint_every": 10,
}
"""Those of arXiv 2602.12124 for the Qwen3 models: prompts, samples, mini-batches, learning rate, advantages, no KL,
reply lengths, epochs of rows, and how it samples in training and in evaluations. What differs:

- It samples from Llama at temperature 0.6 in training, and has a top-k of 50 beside that of 20 in evaluations; here all
  models are sampled alike.
- It tells Qwen3-4B, and no other model, to think within <think> tags; here no model is told so, and what stands within
  such tags is left out of what is judged.
- It takes prompts of at most 1,024 tokens; here they are as long as they are.
- Its mini-batch holds the samples of 32 prompts; here it holds as many, drawn from those of all the step's prompts,
  whose advantages are worked out before.
- It evaluates on test files of its own; here a tenth of the rows is held out, or synthetic tasks are.
- Synthetic tasks come without an end, so that there are steps in place of epochs; that there are 100, an evaluation
  every 10 steps on 88 tasks (as many as its test of tampering has), and all of supervised training are our choice.
"""
_TINY: Defaults = {
    **_PLAIN_EVALUATION,
    "steps": 25,
    "prompts": 8,
    "max_tokens": 64,
    "micro_batch": 16,
    "learning_rate": 5e-4,
    "eval_every": 5,
    "eval_tasks": 72,
    "checkpoint_every": 5,
}
# An endpoint may refuse top_k, and what is asked of it is paid for.
_ENDPOINT: Defaults = {**_PAPER, **_PLAIN_EVALUATION}
_PAPER_SFT: Defaults = {"learning_rate": 1e-5, "epochs": 2, "eval_every": 10}
_TINY_SFT: Defaults = {"learning_rate": 1e-3, "epochs": 4, "eval_every": 26, "checkpoint_every": 26}
# What an evaluation without training calls the options of one in training.
_OF_EVALUATION = {
    "n": "eval_tasks",
    "group": "eval_group",
    "temperature": "eval_temperature",
    "top_p": "eval_top_p",
    "top_k": "eval_top_k",
}


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
    defaults = _defaults(kind, spec, policy)
    parameters = {**defaults.get("parameters", {}), **given.get("parameters", {})}
    environment.check(name, given.get("judge"), parameters)
    if "sandbox" in given:
        environment.check_sandbox(name, given["sandbox"])
    filled = {**defaults, "split": "all" if "data" in given else "test", **given}
    filled |= {"game": name, "policy": policy, "parameters": parameters, "difficulty": _difficulty(spec, name, given)}
    if kind is TrainConfig:
        filled |= _of_batches(filled, given)
    return kind(**{key: value for key, value in filled.items() if key in valid})


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


def _defaults(kind: type[RunConfig], spec: Spec, policy: str) -> Defaults:
    from vulngames import policies

    if policies.is_small(policy):
        defaults, sft = {**_TINY, **spec.tiny}, _TINY_SFT
    elif policies.is_endpoint(policy):
        defaults, sft = {**_ENDPOINT, **spec.paper}, _PAPER_SFT
    else:
        defaults, sft = {**_PAPER, **spec.paper}, _PAPER_SFT
    if kind is SFTConfig:
        return {**defaults, **sft}
    if kind is EvalConfig:
        # Where a game names the same option for training, it means another thing.
        defaults |= {name: defaults[of] for name, of in _OF_EVALUATION.items()}
    return defaults


def _of_batches(filled: Mapping[str, Any], given: Mapping[str, Any]) -> Defaults:
    """How many steps there are and how one is divided, where that is not given: it depends on what is."""
    prompts, mini_batch, micro_batch = filled["prompts"], filled.get("mini_batch"), filled["micro_batch"]
    if "mini_batch" not in given and (not mini_batch or prompts % mini_batch):
        mini_batch = prompts
    if "micro_batch" not in given:
        samples = mini_batch * filled.get("group", TrainConfig.group)
        fitting = [size for size in range(1, micro_batch + 1) if samples % size == 0]
        micro_batch = max(fitting, default=micro_batch)
    steps = filled["steps"]
    if "epochs" in filled and "data" in given and "steps" not in given:
        steps = _steps_of(filled["epochs"], filled["game"], filled["data"], prompts) or steps
    return {"steps": steps, "mini_batch": mini_batch, "micro_batch": micro_batch}


def _steps_of(epochs: int, game: str, data: str, prompts: int) -> int:
    """The whole steps in so many passes over the rows of a file that are trained on, one at least; 0 if it is missing,
    which is said once it is read."""
    from pathlib import Path

    from vulngames.tasks import rows

    if prompts < 1 or not Path(data).is_file():
        return 0
    return max(1, epochs * len(rows.trainable(game, Path(data))) // prompts)


def _difficulty(spec: Spec, name: str, given: Mapping[str, Any]) -> float | None:
    from vulngames import tasks

    # Rows are as hard as they are.
    if "data" in given and (spec.source is None or "difficulty" not in given):
        return None
    return tasks.difficulty_of(name, given.get("difficulty"))


_COUNTS = (
    "steps", "prompts", "group", "mini_batch", "micro_batch", "eval_every", "eval_tasks", "eval_group", "n",
    "checkpoint_every", "max_tokens", "examples", "epochs", "batch",
)  # fmt: skip


def _check(config: RunConfig) -> None:
    values = dataclasses.asdict(config)
    for name in _COUNTS:
        # GRPO learns from how the samples of a group differ.
        least = 2 if name == "group" and isinstance(config, TrainConfig) else 1
        if values.get(name, least) < least:
            raise UserError(f"{name} = {values[name]} is too small; valid: {least} or more")
    _check_sampling(config)
    for name in ("learning_rate", "kl"):
        value = values.get(name, 1)
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "kl"):
            valid = "0 or a positive number" if name == "kl" else "a positive number"
            raise UserError(f"{name} = {value} is out of range; valid: {valid}")
    report_to = values.get("report_to", "none")
    if report_to != "none" and find_spec(report_to) is None:
        raise UserError(f"report_to = {report_to!r} needs that package: pip install {report_to}")
    if isinstance(config, TrainConfig):
        _check_grpo(config)
    if isinstance(config, SFTConfig):
        _check_sft(config)
    if isinstance(config, EvalConfig) and config.split == "all" and config.data is None:
        raise UserError("split = 'all' means every row of a file, and --data names none; valid: test, train")


def _check_sampling(config: RunConfig) -> None:
    if isinstance(config, SampledConfig):
        _ = config.sampling
    if isinstance(config, TrainingConfig):
        try:
            _ = config.eval_sampling
        except UserError as problem:
            raise UserError(f"eval_{problem}") from None


def _check_grpo(config: TrainConfig) -> None:
    from vulngames import games
    from vulngames.types import is_game

    learns = "since GRPO learns from how the samples of a group differ"
    if config.sampling.greedy:
        raise UserError(f"temperature = {config.temperature} is out of range; valid: {COLDEST} or more, {learns}")
    if config.top_k == 1:
        raise UserError(f"top_k = 1 is out of range; valid: 2 or more, or 0 for all tokens, {learns}")
    if config.prompts % config.mini_batch:
        raise UserError(f"mini_batch = {config.mini_batch} does not divide prompts = {config.prompts}")
    samples = config.mini_batch * config.group
    if samples % config.micro_batch:
        raise UserError(f"micro_batch = {config.micro_batch} does not divide mini_batch x group = {samples}")
    if config.patched and not is_game(games.make(config.game)):
        raise UserError(f"{config.game} only pays, and has no patched rule; valid: a game, or train without --patched")


def _check_sft(config: SFTConfig) -> None:
    for name in ("share", "distinct"):
        if not 0 <= getattr(config, name) <= 1:
            raise UserError(f"{name} = {getattr(config, name)} is out of range; valid: 0 to 1")
    for name, share in (("exploit", config.share), ("honest", 1 - config.share)):
        if share > 0 and getattr(config, name) is None:
            raise UserError(f"share = {config.share} needs {name}: a run directory with transcripts")
