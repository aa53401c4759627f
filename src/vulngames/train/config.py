"""What a training run is asked to do. Everything that decides its numbers is here, and is written to run.json."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Literal

from vulngames.errors import UserError


@dataclass(frozen=True)
class TrainConfig:
    """One GRPO run. `settle` fills in every None: the paper's value, or less for a policy of the built-in size."""

    game: str
    """The game's id, e.g. tampering-v1."""
    patched: bool = False
    """Pay by the patched rule: the control arm."""
    policy: str = "tiny"
    """The policy to start from: tiny or hf:PATH_OR_ID."""
    steps: int | None = None
    """Optimizer steps."""
    seed: int = 0
    """Names every random stream of the run: tasks, samples, audit coins."""
    prompts: int | None = None
    """Prompts a step."""
    group: int = 8
    """Samples a prompt, whose rewards are normalised together."""
    micro_batch: int | None = None
    """Samples in one forward and backward pass; the rest of a step is accumulated."""
    learning_rate: float | None = None
    """Learning rate, constant."""
    kl: float = 0.0
    """Weight of the KL term towards the starting policy; the paper has none."""
    temperature: float = 1.0
    """Sampling temperature in training."""
    max_tokens: int | None = None
    """The longest reply of a first turn, in tokens."""
    difficulty: float | None = None
    """Difficulty of the synthetic tasks, in [0, 1]."""
    data: str | None = None
    """Train on the rows of this parquet file (published schema) instead of synthetic tasks; a tenth is held out."""
    judge: str | None = None
    """compliance only: a policy that judges replies; by default the rule of the synthetic tasks."""
    parameters: dict[str, float | bool] = field(default_factory=dict)
    """Parameters of the game, by name, e.g. audit_rate 0.5."""
    eval_every: int | None = None
    """Steps between evaluations on held-out tasks."""
    eval_tasks: int | None = None
    """Held-out tasks in an evaluation; every run of a game is evaluated on the same ones."""
    eval_group: int = 2
    """Samples a held-out task."""
    checkpoint_every: int | None = None
    """Steps between checkpoints: what a kill can lose."""
    report_to: Literal["none", "tensorboard", "wandb", "trackio"] = "none"
    """Where TRL also sends its own logs."""


@dataclass(frozen=True)
class Settled(TrainConfig):
    """A config with nothing left open; `settle` makes one."""

    steps: int = 0
    prompts: int = 0
    micro_batch: int = 0
    learning_rate: float = 0.0
    max_tokens: int = 0
    difficulty: float = 0.0
    eval_every: int = 0
    eval_tasks: int = 0
    checkpoint_every: int = 0


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
_PAPER_TOKENS = {"compliance-v1": 3072, "self-grading-v1": 3072, "proxy-v1": 3072, "tampering-v1": 2048}
_TINY: dict[str, Any] = {
    "prompts": 8,
    "micro_batch": 64,
    "learning_rate": 5e-4,
    "eval_every": 5,
    "eval_tasks": 72,
    "checkpoint_every": 1,
}
# What the built-in policy needs to differ in; docs/log.md has the measurements.
_TINY_GAMES: dict[str, dict[str, Any]] = {
    # Half the prompts are an auditor's: with eight a step the users' exploit may die out before it is first paid.
    "compliance-v1": {"steps": 35, "prompts": 16, "max_tokens": 24},
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


def settle(config: TrainConfig) -> Settled:
    """The same config with every None filled in, checked.

    Raises:
        UserError: an unknown game, policy or parameter, or a number out of its range.
    """
    # Not at the top: the command line shows this config's help without needing the games.
    from vulngames import games, policies, tasks

    game = games.make(config.game).id
    paper = {**_PAPER, "prompts": _PAPER_PROMPTS[game], "max_tokens": _PAPER_TOKENS[game]}
    defaults: dict[str, Any] = {**_TINY, **_TINY_GAMES[game]} if policies.is_small(config.policy) else paper
    given = {k: v for k, v in dataclasses.asdict(config).items() if v is not None}
    parameters = {**defaults.get("parameters", {}), **config.parameters}
    hard = {"difficulty": tasks.SOURCES[game].difficulty}
    settled = Settled(**{**hard, **defaults, **given, "game": game, "parameters": parameters})
    policies.make_game(game, settled.judge, parameters)
    _check(settled)
    return settled


def _check(config: Settled) -> None:
    at_least = {"steps": 1, "prompts": 1, "group": 2, "micro_batch": 1, "eval_every": 1, "eval_tasks": 1}
    for name, least in {**at_least, "eval_group": 1, "checkpoint_every": 1, "max_tokens": 1}.items():
        value = getattr(config, name)
        if value < least:
            raise UserError(f"{name} = {value} is too small; valid: {least} or more")
    for name in ("learning_rate", "temperature"):
        if getattr(config, name) <= 0:
            raise UserError(f"{name} = {getattr(config, name)} is not positive")
    if config.report_to != "none" and find_spec(config.report_to) is None:
        raise UserError(f"report_to = {config.report_to!r} needs that package: pip install {config.report_to}")
    if not 0 <= config.difficulty <= 1:
        raise UserError(f"difficulty = {config.difficulty} is out of range; valid: 0 to 1")
    if config.prompts * config.group % config.micro_batch:
        raise UserError(
            f"micro_batch = {config.micro_batch} does not divide prompts x group = {config.prompts * config.group}"
        )
