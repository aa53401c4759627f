"""Supervised training by TRL on transcripts: distillation, and repair by example."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vulngames.policies.hf import HFPolicy
from vulngames.runs import Run
from vulngames.training.config import SFTConfig
from vulngames.training.observer import Observer
from vulngames.training.run import CheckpointCallback, TrainingRun, arguments, train, without_extras
from vulngames.training.transcripts import distinct, mixture
from vulngames.types import Conversation


def sft(config: SFTConfig, out: Path, observers: Iterable[Observer] = ()) -> Run:
    """Train `config.policy` on transcripts of other runs; the trained policy is `out/policy`. Resumes as `rl` does.

    Raises:
        UserError: see `mixture`, `inputs`, `open_run` and `load_model`.
    """
    return train(config, out, observers, _make_trainer)


def _make_trainer(training: TrainingRun[SFTConfig]) -> Any:
    from datasets import Dataset
    from trl import SFTConfig as Arguments
    from trl import SFTTrainer

    c = training.config
    drawn = mixture(c)
    training.facts["distinct_transcripts"] = distinct(drawn)
    rows = [_row(training.policy, transcript.conversation(training.game)) for transcript in drawn]
    args = Arguments(
        **arguments(training),
        per_device_train_batch_size=c.batch,
        max_length=None,
        # Rows are tokenized here, so that what counts towards the loss is exactly what was written.
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return without_extras(
        SFTTrainer(
            model=training.policy.model,
            args=args,
            train_dataset=Dataset.from_list(rows),
            processing_class=training.policy.tokenizer,
            callbacks=[CheckpointCallback(training)],
        )
    )


def _row(policy: HFPolicy, conversation: Conversation) -> dict[str, list[int]]:
    ids, wrote = policy.encode(conversation)
    return {"input_ids": ids, "labels": [id if by else -100 for id, by in zip(ids, wrote, strict=True)]}
