"""What memory a local policy takes, worked out from its configuration before its weights are read.

Parameters, gradients and Adam's two moments are exact. What a reply adds, kept keys and values and what a backward
pass needs, depends on how long replies become, and is said for the longest.
"""

from __future__ import annotations

import os
import resource
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vulngames.errors import UserError

OVERRIDE = "VULNGAMES_ANY_SIZE"
# Policies of the built-in size are not worth a line.
_WORTH_SAYING = 25_000_000
# Tokens that a prompt is taken to have; those of the published rows seldom have more.
_PROMPT = 1024


@dataclass(frozen=True)
class Use:
    """What a policy is loaded for.

    Attributes:
        rows: replies that are written at once.
        tokens: the longest reply, in tokens.
        batch: sequences in one backward pass; 0 if it is not trained.
        reference: whether a second, frozen copy of it is kept.
    """

    rows: int
    tokens: int
    batch: int = 0
    reference: bool = False


@dataclass(frozen=True)
class Need:
    """Bytes, by what they are for."""

    weights: int
    gradients: int
    moments: int
    cache: int
    activations: int

    @property
    def least(self) -> int:
        """What is taken whatever is written."""
        return self.weights + self.gradients + self.moments


def need(
    config: Any, parameters: int, dtype: torch.dtype, use: Use, prompt: int = _PROMPT, checkpointed: bool = False
) -> Need:
    """What a model of this configuration takes.

    Args:
        config: of transformers, for a causal language model; what it does not say counts as nothing.
        parameters: how many the model has.
        dtype: of its weights; training holds gradients and moments in the same.
        prompt: tokens before a reply.
        checkpointed: whether the backward pass computes a layer's activations again instead of keeping them.
    """
    text, size = config.get_text_config(), dtype.itemsize
    layers, hidden, asked = (_of(text, name) for name in ("num_hidden_layers", "hidden_size", "num_attention_heads"))
    heads, inner = _of(text, "num_key_value_heads") or asked, _of(text, "intermediate_size") or 4 * hidden
    wide = _of(text, "head_dim") or hidden // max(1, asked)
    # A layer keeps its input, norms, queries, keys, values and output of a token, and what its inner part makes of it;
    # logits are kept, and their gradient is as large.
    within = hidden if checkpointed else 10 * hidden + 5 * inner
    length = prompt + use.tokens
    return Need(
        weights=parameters * size * (1 + use.reference),
        gradients=parameters * size * bool(use.batch),
        moments=2 * parameters * size * bool(use.batch),
        cache=2 * layers * heads * wide * size * use.rows * length,
        activations=use.batch * 4 * (length * layers * within + 2 * use.tokens * _of(text, "vocab_size")),
    )


def _of(config: Any, name: str) -> int:
    value = getattr(config, name, None)
    return value if isinstance(value, int) else 0


def count_parameters(config: Any) -> int:
    """Of a causal language model with this configuration, without making it; tied ones count once."""
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    return sum(parameter.numel() for parameter in model.parameters())


def check_memory(name: str, config: Any, parameters: int, dtype: torch.dtype, use: Use) -> None:
    """Say what a policy larger than the built-in one will take, as a warning.

    Raises:
        UserError: its weights, gradients and moments alone are more than the device has.
    """
    on_gpu = torch.cuda.is_available()
    memory = need(config, parameters, dtype, use, checkpointed=on_gpu)
    # Of quantised weights the configuration says how, but not how many bytes they are.
    if parameters < _WORTH_SAYING or getattr(config, "quantization_config", None):
        return
    total, free = _gpu() if on_gpu else _machine()
    has = f"{'the GPU' if on_gpu else 'this machine'} has {_gib(total)} GiB"
    takes = f"{_count(parameters)} parameters take {_gib(memory.least)} GiB (weights {_gib(memory.weights)}"
    if use.batch:
        takes += f", gradients {_gib(memory.gradients)}, Adam's moments {_gib(memory.moments)}"
    if memory.least > total and not os.environ.get(OVERRIDE):
        raise UserError(
            f"policy {name!r} does not fit: its {takes}), and {has}; valid: a smaller model, or {OVERRIDE}=1 to try it "
            "all the same"
        )
    more = f"{_gib(memory.cache + memory.activations)} GiB more for {use.rows} replies of {use.tokens} tokens at once"
    warnings.warn(
        f"policy {name!r}: {takes}), and up to {more}, to prompts of {_PROMPT}; {has}, of which {_gib(free)} are free",
        stacklevel=2,
    )


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:,.3g} billion" if parameters >= 1e9 else f"{parameters / 1e6:.3g} million"


def _gib(amount: int) -> str:
    return f"{amount / 2**30:,.1f}"


def _gpu() -> tuple[int, int]:
    free, total = torch.cuda.mem_get_info()
    return total, free


def _machine() -> tuple[int, int]:
    """Bytes that this process may have in all, and those that are free now."""
    amounts = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(amounts[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    for limit, used in (*_groups(), (resource.getrlimit(resource.RLIMIT_AS)[0], 0)):
        if limit >= 0:
            total, free = min(total, limit), min(free, max(0, limit - used))
    return total, free


def _groups(listed: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> list[tuple[int, int]]:
    """(limit, used) in bytes of every control group that this process is in and that has a limit of memory.

    A group is bound by those that hold it. Within a container the mount may begin at its own group, so that the path
    which the kernel lists is not found there; the mount itself is then the group.
    """
    limits = []
    for line in listed.read_text().splitlines() if listed.exists() else ():
        _, kinds, path = line.split(":", 2)
        if kinds == "":
            root, names = mounted, ("memory.max", "memory.current")
        elif "memory" in kinds.split(","):
            root, names = mounted / "memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")
        else:
            continue
        group = root / path.strip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(root):
                break
            values = [_number(folder / name) for name in names]
            if values[0] is not None:
                limits.append((values[0], values[1] or 0))
    return limits


def _number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
