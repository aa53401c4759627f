"""Where numbers come from: command, commit, sandbox, and the machine that decides their last digits."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "transformers", "trl", "numpy", "scipy", "rapidfuzz", "sacrebleu")
_CPUINFO = Path("/proc/cpuinfo")
_PROCESSOR = (
    "model name", "cpu family", "model", "stepping",  # x86
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision",  # Arm, which has no model name
)  # fmt: skip
_SETTINGS = (
    "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE",
    "NVIDIA_TF32_OVERRIDE", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG",
)  # fmt: skip
"""Environment variables that have a library compute otherwise than it would by itself."""


def provenance(device: str, backend: str | None = None) -> dict[str, Any]:
    """What a run.json says of where its numbers come from.

    Args:
        device: where the policy runs: `cpu`, `cuda`, …; `api` or `none` where that is not here.
        backend: the sandbox that the run asks for; None: this machine's.

    Raises:
        UserError: that sandbox is not available.
    """
    return {
        "argv": sys.argv,
        **machine(device),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "commit": _commit(),
        "sandbox": _sandbox(backend),
    }


def machine(device: str) -> dict[str, Any]:
    """The part of it that decides last digits, and when it was so: processor, threads, versions of libraries."""
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device,
        "versions": {name: _version(name) for name in ("vulngames", *LIBRARIES)},
        "numerics": _numerics(device),
    }


def _numerics(device: str) -> dict[str, Any] | None:
    """What decides the last digits of logits beside the versions of the libraries; None where no policy runs here.

    Kernels are chosen by what a processor can do, and add in another order
    (https://docs.pytorch.org/docs/stable/notes/numerical_accuracy.html).
    """
    if device in ("api", "none") or find_spec("torch") is None:
        return None
    import torch

    cuda = device == "cuda"
    return {
        "processor": _processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "mkl": torch.backends.mkl.is_available(),
        "onednn": torch.backends.mkldnn.is_available(),
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name() if cuda else None,
        "cuda": torch.version.cuda if cuda else None,
        "settings": {name: os.environ[name] for name in _SETTINGS if name in os.environ},
    }


def deciding(machine: Mapping[str, Any]) -> dict[str, Any]:
    """What decides last digits in a `machine` or a run.json, by name; what an older one does not say is left out."""
    said = {**machine, **machine.get("versions", {})}
    named = {name: said[name] for name in ("device", *LIBRARIES) if name in said}
    return {**named, **(machine.get("numerics") or {})}


def unlike(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What decides last digits and differs between two machines, of what both say: by name, in the one and in the
    other."""
    before, after = deciding(one), deciding(other)
    return {name: (before[name], after[name]) for name in before if name in after and before[name] != after[name]}


def _processor() -> str | None:
    """As its maker numbers it: a virtual machine often has no better name for it than its maker's."""
    if not _CPUINFO.exists():
        return platform.processor() or None
    fields = {}
    for line in _CPUINFO.read_text().split("\n\n", 1)[0].splitlines():
        name, _, value = line.partition(":")
        fields[name.strip()] = value.strip()
    return ", ".join(f"{name} {fields[name]}" for name in _PROCESSOR if name in fields) or None


def _sandbox(backend: str | None) -> dict[str, object]:
    """What confines submitted programs: on this machine, though none may be run, or at the place that is named."""
    # Not at the top: it takes as long to load as all the rest.
    from vulngames import sandbox

    if backend is None or backend == "local":
        return sandbox.probe().describe()
    return sandbox.backend(backend).describe()


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the source tree this package runs from; None for an installed one."""
    here = Path(__file__).resolve()
    # An installed package may lie within somebody else's repository, which says nothing of it.
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None
    return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=12")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        git = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return git.stdout.strip() or None
