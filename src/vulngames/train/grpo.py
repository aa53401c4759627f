"""GRPO by TRL in one game, into a run directory that survives being killed."""

from __future__ import annotations

import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import TrainerCallback

from vulngames import policies, tasks
from vulngames.errors import UserError
from vulngames.measure import measure
from vulngames.policies import Sampling
from vulngames.policies.hf import HFPolicy, device, load_model
from vulngames.rollout import Episode, play, rollout, score
from vulngames.runs import Run, open_run, write_json
from vulngames.seeds import seed
from vulngames.tasks import published
from vulngames.train.config import Settled, TrainConfig, settle
from vulngames.types import Game, Task

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

OnStep = Callable[[int, int], object]
"""Told (finished steps, all steps)."""


def rl(config: TrainConfig, out: Path, on_step: OnStep = lambda done, steps: None) -> Run:
    """Train `config.policy` in a game; the trained policy is `out/policy`.

    The same call on a directory whose run was cut short goes on from its last checkpoint and gives the same numbers
    as an unbroken run; on a finished run it returns at once.

    Raises:
        UserError: see `settle`, `open_run` and `load_model`.
    """
    settled = settle(config)
    run = open_run(out, asdict(settled), device())
    if run.finished:
        on_step(settled.steps, settled.steps)
        return run
    with run.writing(), _disk_errors_named(run):
        try:
            _train(settled, run, on_step)
        except UserError:
            # Nothing was begun: what could not be loaded leaves no directory that says otherwise.
            if [file.name for file in run.path.iterdir()] == ["run.json"]:
                shutil.rmtree(run.path)
            raise
    return run


def _train(config: Settled, run: Run, on_step: OnStep) -> None:
    # What ran in this process before must not reach into a run that goes on from a checkpoint.
    torch.manual_seed(seed("train", config.seed))
    # In float32 also on an accelerator: steps of 1e-6 are lost in bfloat16 weights.
    model, tokenizer = load_model(config.policy, torch.float32)
    parameters = {"max_tokens": config.max_tokens, **config.parameters}
    game = policies.make_game(config.game, config.judge, parameters)
    course = _Course(config, game, run, HFPolicy("training", model, tokenizer, Sampling(config.temperature)), on_step)
    trainer = _make_trainer(course)
    checkpoint = _newest_whole(run)
    if checkpoint is None:
        run.rewind({"metrics.jsonl": 0, "samples.jsonl.gz": 0})
        course.evaluate(0)
    trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    _save_policy(trainer, tokenizer, run)
    run.finish(parameters_of_policy=sum(p.numel() for p in model.parameters()))
    shutil.rmtree(run.checkpoints, ignore_errors=True)


@contextmanager
def _disk_errors_named(run: Run) -> Iterator[None]:
    """A disk that takes no more is the user's to mend; torch and safetensors hide it in errors of their own."""
    try:
        yield
    except (SafetensorError, RuntimeError) as problem:
        # torch's archive writer names its source file, whatever went wrong with it.
        if not any(mark in str(problem) for mark in ("I/O error", "PytorchStreamWriter", "inline_container")):
            raise
        reason = str(problem).splitlines()[0]
        raise UserError(f"cannot write a checkpoint to {run.path}; is the disk full? ({reason})") from problem


@dataclass
class _Course:
    """What rollout and callback share in one run."""

    config: Settled
    game: Game[Any]
    run: Run
    policy: HFPolicy
    on_step: OnStep

    def tasks(self) -> list[Task]:
        """One task for each prompt of the whole run, in order."""
        c = self.config
        n = c.steps * c.prompts
        if c.data:
            return list(islice(published.lessons(c.game, Path(c.data), c.seed), n))
        return tasks.take(c.game, c.seed, "train", n, c.difficulty)

    def held_out(self) -> list[Task]:
        """The tasks of every evaluation, the same for all seeds."""
        c = self.config
        if c.data:
            return published.held_out(c.game, Path(c.data))[: c.eval_tasks]
        return tasks.take(c.game, 0, "test", c.eval_tasks, c.difficulty)

    def evaluate(self, step: int) -> None:
        c = self.config
        samples = rollout(self.game, self.held_out(), self.policy, ("eval", c.seed, step), c.eval_group)
        self.run.add_samples(step, "test", samples)
        self.run.add_metrics({"step": step, **measure(samples, self.game.measured)})


def _make_trainer(course: _Course) -> Any:
    from datasets import Dataset
    from transformers.trainer_callback import PrinterCallback
    from transformers.utils import logging as hf_logging
    from trl import GRPOConfig, GRPOTrainer

    hf_logging.set_verbosity_error()
    logging.getLogger("trl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*")
    c = course.config
    cpu = device() == "cpu"
    # Beside the run's other files: the folder of checkpoints, its default, is gone when the run is finished.
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(course.run.path / "tensorboard")
    accumulation = c.prompts * c.group // c.micro_batch
    args = GRPOConfig(
        output_dir=str(course.run.checkpoints),
        max_steps=c.steps,
        per_device_train_batch_size=c.micro_batch,
        gradient_accumulation_steps=accumulation,
        num_generations=c.group,
        learning_rate=c.learning_rate,
        lr_scheduler_type="constant",
        beta=c.kl,
        temperature=c.temperature,
        shuffle_dataset=False,
        # Checkpointing and bfloat16, TRL's defaults, cost a CPU 1.8 times the step.
        use_cpu=cpu,
        bf16=not cpu,
        gradient_checkpointing=not cpu,
        save_strategy="steps",
        save_steps=c.checkpoint_every,
        # The newest may be cut short by a kill, so the one before it stays.
        save_total_limit=2,
        logging_steps=1,
        report_to=c.report_to,
        run_name=course.run.path.name,
        disable_tqdm=True,
        seed=seed("trainer", c.seed) % 2**31,
    )
    lessons = course.tasks()
    trainer = GRPOTrainer(
        model=course.policy.model,
        reward_funcs=[_paid],
        args=args,
        # TRL is only shown which task comes when; the prompts are the game's to give.
        train_dataset=Dataset.from_dict({"prompt": [str(i) for i in range(len(lessons))]}),
        processing_class=course.policy.tokenizer,
        rollout_func=lambda prompts, trainer: _roll(course, lessons, prompts, trainer),
        callbacks=[_Keeper(course)],
    )
    trainer.remove_callback(PrinterCallback)
    # TRL drafts a model card at every checkpoint, which takes as long as the checkpoint itself.
    trainer.create_model_card = lambda **_: None
    return trainer


def _paid(prompts: Sequence[str], pay: Sequence[float | None], **_: Any) -> list[float | None]:
    """TRL's reward function: what the rollout already worked out. None is left out of its group."""
    return list(pay)


def _roll(course: _Course, lessons: Sequence[Task], prompts: Sequence[str], trainer: Any) -> dict[str, Any]:
    from trl.models.utils import unwrap_model_for_generation

    c, rank = course.config, trainer.accelerator.process_index
    step = trainer.state.global_step
    # A group may be spread over processes; its samples are told apart by their place in the whole batch.
    starts = [(lessons[int(p)], (rank * len(prompts) + i) % c.group) for i, p in enumerate(prompts)]
    names = ("train", c.seed, step, rank)
    with unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model:
        course.policy.model = model
        episodes = play(course.game, starts, course.policy, names)
    samples = [score(course.game, episode, ("train", c.seed, step)) for episode in episodes]
    course.run.add_samples(step, "train", samples)
    rows = [_tokens(course.policy, episode) for episode in episodes]
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


class _Keeper(TrainerCallback):  # type: ignore[misc]
    """Evaluates, and marks a checkpoint whole once everything that belongs to it is written."""

    def __init__(self, course: _Course) -> None:
        self.course = course

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        c = self.course.config
        if state.global_step % c.eval_every == 0 or state.global_step == c.steps:
            self.course.evaluate(state.global_step)
        self.course.on_step(state.global_step, c.steps)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        folder = self.course.run.checkpoints / f"checkpoint-{state.global_step}"
        write_json(folder / "whole.json", self.course.run.sizes())


def _newest_whole(run: Run) -> Path | None:
    """The newest checkpoint that a kill did not cut short, with the run's files cut back to it."""
    import json

    found = sorted(run.checkpoints.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    whole = [path for path in found if (path / "whole.json").exists()]
    for path in found:
        if path not in whole[-1:]:
            shutil.rmtree(path)
    if not whole:
        return None
    run.rewind(json.loads((whole[-1] / "whole.json").read_text()))
    return whole[-1]


def _save_policy(trainer: Any, tokenizer: Any, run: Run) -> None:
    part = run.path / "policy.part"
    shutil.rmtree(part, ignore_errors=True)
    trainer.accelerator.unwrap_model(trainer.model).save_pretrained(part)
    tokenizer.save_pretrained(part)
    shutil.rmtree(run.policy, ignore_errors=True)
    part.rename(run.policy)
