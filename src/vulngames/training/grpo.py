"""GRPO by TRL in one game."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vulngames.policies.hf import HFPolicy
from vulngames.rollouts import Episode, play, score_episodes
from vulngames.runs import Run
from vulngames.training.config import TrainConfig
from vulngames.training.observer import Observer
from vulngames.training.run import CheckpointCallback, TrainingRun, arguments, train, without_extras
from vulngames.training.splits import train_tasks
from vulngames.types import Task

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")


def rl(config: TrainConfig, out: Path, observers: Iterable[Observer] = ()) -> Run:
    """Train `config.policy` in a game; the trained policy is `out/policy`.

    The same call on a directory whose run was cut short goes on from its last checkpoint and gives the same numbers
    as an unbroken run; on a finished run it returns at once.

    Raises:
        UserError: see `inputs`, `open_run` and `load_model`.
    """
    return train(config, out, observers, _make_trainer)


def _make_trainer(training: TrainingRun[TrainConfig]) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    c = training.config
    args = GRPOConfig(
        **arguments(training),
        per_device_train_batch_size=c.micro_batch,
        gradient_accumulation_steps=c.mini_batch * c.group // c.micro_batch,
        steps_per_generation=c.prompts * c.group // c.micro_batch,
        num_generations=c.group,
        scale_rewards="group" if c.normalize else "none",
        beta=c.kl,
        temperature=c.temperature,
        top_p=c.top_p,
        top_k=c.top_k,
        shuffle_dataset=False,
    )
    # One task for each prompt of the whole run, in order.
    given = train_tasks(c, c.steps * c.prompts)
    return without_extras(
        GRPOTrainer(
            model=training.policy.model,
            reward_funcs=[_paid],
            args=args,
            # TRL is only shown which task comes when; the prompts are the game's to give.
            train_dataset=Dataset.from_dict({"prompt": [str(i) for i in range(len(given))]}),
            processing_class=training.policy.tokenizer,
            rollout_func=lambda prompts, trainer: _roll(training, given, prompts, trainer),
            callbacks=[CheckpointCallback(training)],
        )
    )


def _paid(prompts: Sequence[str], pay: Sequence[float | None], **_: Any) -> list[float | None]:
    """TRL's reward function: what the rollout already worked out. None is left out of its group."""
    return list(pay)


def _roll(
    training: TrainingRun[TrainConfig], given: Sequence[Task], prompts: Sequence[str], trainer: Any
) -> dict[str, Any]:
    from trl.models import unwrap_model_for_generation

    c, rank = training.config, trainer.accelerator.process_index
    step = trainer.state.global_step // c.updates
    # A group may be spread over processes; its samples are told apart by their place in the whole batch.
    starts = [(given[int(p)], (rank * len(prompts) + i) % c.group) for i, p in enumerate(prompts)]
    names = ("train", c.seed, step, rank)
    with unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model:
        training.policy.model = model
        episodes = play(training.game, starts, training.policy, names)
    samples = score_episodes(training.game, episodes, ("train", c.seed, step))
    training.add_samples(step, samples)
    rows = [_tokens(training.policy, episode) for episode in episodes]
    return {
        "prompt_ids": [prompt for prompt, _, _ in rows],
        "completion_ids": [completion for _, completion, _ in rows],
        "env_mask": [mask for _, _, mask in rows],
        "logprobs": None,
        "pay": [sample.patched if c.patched else sample.reward for sample in samples],
    }


def _tokens(policy: HFPolicy, episode: Episode) -> tuple[list[int], list[int], list[int]]:
    """Prompt ids, completion ids, and which of the latter are trained on."""
    ids, wrote = policy.encode(episode.conversation)
    start = wrote.index(1)
    trained = [0, *(int(turn.trained) for turn in episode.turns)]
    return ids[:start], ids[start:], [trained[number] for number in wrote[start:]]
