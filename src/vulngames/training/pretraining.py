"""The second stage of the built-in policy's pretraining, as a run: what it is shown of each exploit is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from vulngames.errors import UserError
from vulngames.games.spec import Shares
from vulngames.runs import Run
from vulngames.tiny.corpus import default_shares
from vulngames.tiny.recipe import Recipe
from vulngames.training.directory import open_directory
from vulngames.training.observer import Observer, Observers

_LONGEST = 64


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """A policy that was never shown an exploit, and what it is to be shown of them: of all games at once.

    Attributes:
        shares: how often each game's dialogues show what, by the game's id.
        seed: names the random streams.
        steps: optimizer steps.
        batch: dialogues per step.
        learning_rate: its peak.
        prompt_weight: weight in [0, 1] of a prompt's tokens in the loss.

    Raises:
        UserError: a share or a number out of its range, or shares of other games than those of the corpus.
    """

    policy: str = "tiny:clean"
    shares: Mapping[str, Shares] = field(default_factory=default_shares)
    seed: int = Recipe.seed
    steps: int = Recipe.second_steps
    batch: int = Recipe.batch
    learning_rate: float = Recipe.second_learning_rate
    prompt_weight: float = Recipe.prompt_weight

    verb: ClassVar[str] = "pretrain"

    def __post_init__(self) -> None:
        if self.shares.keys() != default_shares().keys():
            games = ", ".join(self.shares) or "no game"
            raise UserError(f"shares are of {games}; valid: of {', '.join(default_shares())}")
        for game, shares in self.shares.items():
            for name, share in vars(shares).items():
                if not 0 <= share <= 1:
                    raise UserError(f"{name} = {share:g} of {game} is no share; valid: 0 to 1")
        # What it says of a number out of its range holds here.
        assert self.recipe

    @property
    def recipe(self) -> Recipe:
        """The same as a recipe, whose first stage is none of this run's."""
        return Recipe(
            seed=self.seed,
            second_steps=self.steps,
            batch=self.batch,
            second_learning_rate=self.learning_rate,
            prompt_weight=self.prompt_weight,
        )


def pretrain(config: PretrainConfig, out: Path, observers: Iterable[Observer] = ()) -> Run:
    """Show a policy what `config` asks for; the one that comes of it is `out/policy`. A finished run is left as it is.

    It is not resumed: what a kill leaves is made anew. Observers are told of its steps, and their halts are not heard.

    Raises:
        UserError: see `inputs`, `open_run` and `load_model`.
    """
    from vulngames.policies.loading import device

    observer = Observers(observers)
    run = open_directory(config, out, device())
    if not run.finished:
        with run.writing() as unfinished:
            if unfinished:
                _pretrain(config, run, observer)
                return run
    observer.on_step(1, 1)
    return run


def _pretrain(config: PretrainConfig, run: Run, observer: Observer) -> None:
    import torch

    from vulngames.policies.hf import BATCH, HFPolicy
    from vulngames.policies.loading import load_model
    from vulngames.policies.memory import Use
    from vulngames.tiny.build import save, second_stage

    model, tokenizer = load_model(config.policy, torch.float32, Use(BATCH, _LONGEST, config.batch))
    policy = HFPolicy(config.policy, model, tokenizer)
    second_stage(policy, config.recipe, config.shares, lambda done, steps, loss: observer.on_step(done, steps))
    part = run.path / "policy.part"
    shutil.rmtree(part, ignore_errors=True)
    save(policy, part)
    shutil.rmtree(run.policy, ignore_errors=True)
    part.rename(run.policy)
    run.finish(parameters_of_policy=sum(p.numel() for p in policy.model.parameters()))
