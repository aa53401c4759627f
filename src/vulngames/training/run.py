"""What every training run shares: a directory that survives being killed, held-out evaluations, a policy at the end."""

from __future__ import annotations

import json
import logging
import os
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from safetensors import SafetensorError
from transformers import TrainerCallback

from vulngames import environment, games
from vulngames.errors import UserError
from vulngames.files import write_json
from vulngames.measures import measure
from vulngames.policies import warn_if_unfamiliar
from vulngames.policies.hf import BATCH, HFPolicy
from vulngames.policies.loading import device, load_model
from vulngames.policies.memory import Use
from vulngames.rollouts import rollout
from vulngames.runs import Run, as_sample
from vulngames.seeds import seed
from vulngames.training.config import SFTConfig, TrainConfig
from vulngames.training.directory import open_directory
from vulngames.training.observer import Halt, Observer, Observers
from vulngames.training.splits import held_out_tasks
from vulngames.types import Environment, Sample, measures_of

C = TypeVar("C", bound=TrainConfig | SFTConfig)


@dataclass
class TrainingRun(Generic[C]):
    """One training run under way.

    Attributes:
        step: steps finished.
        facts: what run.json is to say beside the config, once it is finished.
        halt: what an observer asked for, if one did.
        evaluated: the step of the last evaluation.
    """

    config: C
    game: Environment
    run: Run
    policy: HFPolicy
    observer: Observer
    step: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    halt: Halt | None = None
    evaluated: int | None = None

    def evaluate(self, step: int) -> None:
        """Measure the policy as it is on the held-out tasks."""
        c = self.config
        tasks = held_out_tasks(c, c.eval_tasks)
        policy = self.policy.sampling_by(c.eval_sampling)
        samples = rollout(self.game, tasks, policy, ("eval", c.seed, step), c.eval_group, batch=c.eval_tasks)
        measures = {"step": step, **measure(samples, measures_of(self.game))}
        if measures["failed"] == measures["n"]:
            warnings.warn(
                f"no sample of the evaluation at step {step} could be scored: {samples[0].error}", stacklevel=2
            )
        self.run.add_samples(step, "test", samples)
        self.run.add_metrics(measures)
        self.evaluated = step
        self._hear(self.observer.on_evaluation(step, measures))

    def add_samples(self, step: int, samples: list[Sample]) -> None:
        """Keep what was written after `step` finished steps to be trained on."""
        self.run.add_samples(step, "train", samples)
        self._hear(self.observer.on_samples(step, samples))

    def end_step(self, step: int) -> None:
        """Take in that so many steps are finished; evaluates where that is due, and where the run is to end."""
        self.step = step
        if step % self.config.eval_every == 0 or step == self.config.steps:
            self.evaluate(step)
        self._hear(self.observer.on_step(step, self.config.steps))
        if self.halt is not None and self.evaluated != step:
            self.evaluate(step)

    def recall(self) -> None:
        """Tell the observers what an earlier call did, up to the checkpoint that this one goes on from."""
        measures = {row["step"]: row for row in self.run.metrics()}
        for (step, split), rows in groupby(self.run.samples(), key=lambda row: (row["step"], row["split"])):
            self.step = step
            if split == "train":
                self._hear(self.observer.on_samples(step, [as_sample(row) for row in rows]))
            else:
                self._hear(self.observer.on_evaluation(step, measures[step]))

    def _hear(self, answer: Halt | None) -> None:
        self.halt = self.halt or answer


def train(config: C, out: Path, observers: Iterable[Observer], make_trainer: Callable[[TrainingRun[C]], Any]) -> Run:
    """Carry a run in `out` to its end with the trainer made for it; a finished one is left as it is.

    Raises:
        UserError: see `inputs`, `open_run` and `load_model`.
    """
    observer = Observers(observers)
    run = open_directory(config, out, device())
    if not run.finished:
        with _disk_errors_named(run), run.writing() as unfinished:
            if unfinished:
                _train(config, run, observer, make_trainer)
                return run
    observer.on_step(1, 1)
    return run


def _train(config: C, run: Run, observer: Observer, make_trainer: Callable[[TrainingRun[C]], Any]) -> None:
    # What ran in this process before must not reach into a run that goes on from a checkpoint.
    torch.manual_seed(seed("train", config.seed))
    warn_if_unfamiliar(config.policy, games.spec(config.game).id)
    # In float32 also on an accelerator: steps of 1e-6 are lost in bfloat16 weights.
    model, tokenizer = load_model(config.policy, torch.float32, _use(config))
    parameters = {"max_tokens": config.max_tokens, **config.parameters}
    game = environment.make(config.game, config.judge, parameters, config.sandbox)
    sampling = config.sampling if isinstance(config, TrainConfig) else config.eval_sampling
    policy = HFPolicy(config.policy, model, tokenizer, sampling)
    training = TrainingRun(config, game, run, policy, observer)
    silence_libraries()
    trainer = make_trainer(training)
    checkpoint = newest_whole(run)
    if checkpoint is None:
        run.rewind({"metrics.jsonl": 0, "samples.jsonl.gz": 0})
        training.evaluate(0)
    else:
        training.recall()
    if checkpoint is not None or training.halt is None:
        trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
    save_policy(trainer, tokenizer, run)
    if policy.template.changes:
        training.facts["messages_changed"] = policy.template.changes
    if training.halt is not None:
        training.facts["halted"] = {"step": training.step, "reason": training.halt.reason}
    run.finish(parameters_of_policy=sum(p.numel() for p in model.parameters()), **training.facts)
    shutil.rmtree(run.checkpoints, ignore_errors=True)


def _use(config: TrainConfig | SFTConfig) -> Use:
    evaluated = config.eval_tasks * config.eval_group
    if isinstance(config, SFTConfig):
        return Use(min(BATCH, evaluated), config.max_tokens, config.batch)
    rows = min(BATCH, max(evaluated, config.prompts * config.group))
    return Use(rows, config.max_tokens, config.micro_batch, reference=config.kl > 0)


def silence_libraries() -> None:
    """Leave progress to the observers."""
    from transformers.utils import logging as hf_logging

    hf_logging.set_verbosity_error()
    logging.getLogger("trl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*")


def arguments(training: TrainingRun[Any]) -> dict[str, Any]:
    """What every TRL trainer is told alike."""
    c = training.config
    cpu = device() == "cpu"
    # Beside the run's other files: the folder of checkpoints, its default, is gone when the run is finished.
    os.environ["TENSORBOARD_LOGGING_DIR"] = str(training.run.path / "tensorboard")
    return {
        "output_dir": str(training.run.checkpoints),
        # TRL and its checkpoints count updates.
        "max_steps": c.steps * c.updates,
        "learning_rate": c.learning_rate,
        "lr_scheduler_type": "constant",
        # Checkpointing and bfloat16, TRL's defaults, cost a CPU 1.8 times the step.
        "use_cpu": cpu,
        "bf16": not cpu,
        "gradient_checkpointing": not cpu,
        "save_strategy": "steps",
        "save_steps": c.checkpoint_every * c.updates,
        # The newest may be cut short by a kill, so the one before it stays.
        "save_total_limit": 2,
        "logging_steps": 1,
        "report_to": c.report_to,
        "run_name": training.run.path.name,
        "disable_tqdm": True,
        "seed": seed("trainer", c.seed) % 2**31,
    }


def without_extras(trainer: Any) -> Any:
    """A TRL trainer that neither prints nor drafts anything on its own."""
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    # TRL drafts a model card at every checkpoint, which takes as long as the checkpoint itself.
    trainer.create_model_card = lambda **_: None
    return trainer


class CheckpointCallback(TrainerCallback):  # type: ignore[misc]
    """Evaluates, and marks a checkpoint whole once everything that belongs to it is written."""

    def __init__(self, training: TrainingRun[Any]) -> None:
        self.training = training

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Evaluate where one is due, and end where an observer asks for it. TRL's steps are our updates."""
        step, updates = divmod(state.global_step, self.training.config.updates)
        if updates:
            return
        self.training.end_step(step)
        if self.training.halt is not None:
            control.should_training_stop = True
            # Trainers train on from a checkpoint by at least a step; a kill after this one comes back to the step.
            control.should_save = False

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Mark the checkpoint, with how much of the run's files belongs to it."""
        folder = self.training.run.checkpoints / f"checkpoint-{state.global_step}"
        write_json(folder / "whole.json", self.training.run.sizes())


def newest_whole(run: Run) -> Path | None:
    """The newest checkpoint that a kill did not cut short, with the run's files cut back to it."""
    checkpoints = sorted(run.checkpoints.glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    whole = [path for path in checkpoints if (path / "whole.json").exists()]
    for path in checkpoints:
        if path not in whole[-1:]:
            shutil.rmtree(path)
    if not whole:
        return None
    run.rewind(json.loads((whole[-1] / "whole.json").read_text()))
    return whole[-1]


def save_policy(trainer: Any, tokenizer: Any, run: Run) -> None:
    """Write the trained policy, whole or not at all."""
    part = run.path / "policy.part"
    shutil.rmtree(part, ignore_errors=True)
    trainer.accelerator.unwrap_model(trainer.model).save_pretrained(part)
    tokenizer.save_pretrained(part)
    shutil.rmtree(run.policy, ignore_errors=True)
    part.rename(run.policy)


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
