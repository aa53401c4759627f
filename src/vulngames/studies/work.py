"""One thing to be done for a study, and the place where everything done is kept and found again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from vulngames import policies
from vulngames.runs import Run
from vulngames.train.config import Settled, SettledExam, SettledSFT

Config = Settled | SettledSFT | SettledExam


@dataclass(frozen=True)
class Work:
    """A run to be made, or found made: `config` says which verb (`rl`, `sft` or `exam`) and with what."""

    path: Path
    config: Any

    @property
    def run(self) -> Run:
        """Its directory."""
        return Run(self.path)

    @property
    def policy(self) -> str:
        """What it trains, as the name of a policy."""
        return f"hf:{self.path / 'policy'}"


@dataclass(frozen=True)
class Store:
    """A directory of runs, each under a hash of its recipe, so that no study does again what another has done.

    The recipe is the whole config, this package's version and the weights it starts from; of weights that lie in the
    store it is their own recipe.
    """

    root: Path

    def work(self, label: str, config: Config) -> Work:
        """The work that `config` asks for. `label` is for people, and its directory begins with it."""
        label = label.replace("/", "-")
        asked = json.dumps(asdict(config), sort_keys=True).replace(f"{self.root}/", "")
        names = (config.verb, version("vulngames"), asked, self._origin(config.policy))
        key = hashlib.blake2b("\x1f".join(names).encode(), digest_size=5).hexdigest()
        return Work(self.root / f"{label}-{key}", config)

    def _origin(self, policy: str) -> str:
        return "" if str(self.root) in policy else _weights(policy)


@cache
def _weights(policy: str) -> str:
    """A digest of a local policy's weights; of a policy on a hub, its name."""
    folder = Path(policies.model_source(policy))
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(folder.glob("*.safetensors")) if folder.is_dir() else ():
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "blake2b").digest())
    return digest.hexdigest() if folder.is_dir() else policy
