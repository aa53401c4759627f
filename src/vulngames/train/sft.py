"""Supervised training by TRL on transcripts: distillation, and repair by example."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from vulngames.policies.hf import HFPolicy
from vulngames.runs import Run
from vulngames.train.config import SettledSFT, SFTConfig, settle_sft
from vulngames.train.course import Course, Keeper, OnStep, arguments, silence, train
from vulngames.train.transcripts import distinct, mixture
from vulngames.types import Conversation


def sft(config: SFTConfig, out: Path, on_step: OnStep = lambda done, steps: None) -> Run:
    """Train `config.policy` on transcripts of other runs; the trained policy is `out/policy`. Resumes as `rl` does.

    Raises:
        UserError: see `settle_sft`, `mixture`, `open_run` and `load_model`.
    """
    return train(settle_sft(config), out, on_step, _make_trainer)


def _make_trainer(course: Course) -> Any:
    from datasets import Dataset
    from trl import SFTConfig as Arguments
    from trl import SFTTrainer

    c = course.config
    assert isinstance(c, SettledSFT)
    course.steps = c.epochs * math.ceil(c.examples / c.batch)
    drawn = mixture(c)
    course.facts["distinct_transcripts"] = distinct(drawn)
    rows = [_row(course.policy, each.conversation(course.game)) for each in drawn]
    args = Arguments(
        **arguments(course),
        per_device_train_batch_size=c.batch,
        max_length=None,
        # Rows are tokenized here, so that what counts towards the loss is exactly what was written.
        dataset_kwargs={"skip_prepare_dataset": True},
    )
    return silence(
        SFTTrainer(
            model=course.policy.model,
            args=args,
            train_dataset=Dataset.from_list(rows),
            processing_class=course.policy.tokenizer,
            callbacks=[Keeper(course)],
        )
    )


def _row(policy: HFPolicy, conversation: Conversation) -> dict[str, list[int]]:
    ids, wrote = policy.encode(conversation)
    return {"input_ids": ids, "labels": [id if by else -100 for id, by in zip(ids, wrote, strict=True)]}
