"""One thing to be done for a study, and the place where everything done is kept and found again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vulngames import digests
from vulngames.formats import RECIPE
from vulngames.games import spec
from vulngames.runs import Run
from vulngames.training.config import RunConfig, TrainConfig
from vulngames.training.inputs import inputs
from vulngames.training.pretraining import PretrainConfig

JobConfig = RunConfig | PretrainConfig
_TOKENS = 75
"""Of a dialogue in the built-in policy's corpus."""


@dataclass(frozen=True)
class Job:
    """A run to be made, or found made: `config` says which verb (`rl`, `sft`, `eval` or `pretrain`) and with what."""

    path: Path
    config: Any

    @property
    def run(self) -> Run:
        """Its directory."""
        return Run(self.path)

    @property
    def cost(self) -> int:
        """How long it takes, roughly: the tokens that it samples in training, or that it is shown."""
        c = self.config
        if isinstance(c, PretrainConfig):
            return c.steps * c.batch * _TOKENS
        return int(c.steps * c.prompts * c.group * c.max_tokens) if isinstance(c, TrainConfig) else 0

    @property
    def runs_code(self) -> bool:
        """Whether a model's code is run in it."""
        return isinstance(self.config, RunConfig) and spec(self.config.game).runs_code

    @property
    def policy(self) -> str:
        """What it trains, as the name of a policy."""
        return f"hf:{self.path / 'policy'}"


@dataclass(frozen=True)
class Store:
    """A directory of runs, each under a hash, so that no study does again what another has done.

    The hash is of the whole config, of `formats.RECIPE`, and of the contents of what the config names: the policy it
    starts from, with its tokenizer and template, rows, transcripts. What lies in the store is known by its own hash.
    """

    root: Path

    def job(self, label: str, config: JobConfig) -> Job:
        """The job that `config` asks for. `label` is for people, and its directory begins with it."""
        label = label.replace("/", "-")
        asked = json.dumps(asdict(config), sort_keys=True).replace(f"{self.root}/", "")
        names = (config.verb, str(RECIPE), asked, digests.of_json(inputs(asdict(config), besides=self.root)))
        key = hashlib.blake2b("\x1f".join(names).encode(), digest_size=5).hexdigest()
        return Job(self.root / f"{label}-{key}", config)
