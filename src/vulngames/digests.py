"""What a number rests on, known by its contents: digests that do not depend on where a thing lies or is called."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from vulngames.types import Json

_BYTES = 16
# The files of a model directory that decide what it writes.
_PARTS = {
    "weights": ("*.safetensors", "*.bin", "*.index.json"),
    "config": ("config.json",),
    "tokenizer": (
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.*",
        "merges.txt",
        "*.model",
        "*.tiktoken",
        "tekken.json",
    ),
    "chat template": ("chat_template.*", "additional_chat_templates/*"),
    "generation config": ("generation_config.json",),
}
# What a trainer leaves beside a model and no loader reads.
_UNREAD = {"training_args.bin", "optimizer.bin", "scheduler.bin"}


def of_json(value: Json) -> str:
    """The digest of a value, whatever the order of its objects' keys."""
    return hashlib.blake2b(json.dumps(value, sort_keys=True, default=str).encode(), digest_size=_BYTES).hexdigest()


def of_file(path: Path) -> str:
    """The digest of a file's bytes, through links; read once a process while it stays as it is.

    Raises:
        OSError: it cannot be read.
    """
    stat = path.stat()
    return _of_file(path.resolve(), stat.st_ino, stat.st_size, stat.st_mtime_ns)


@cache
def _of_file(path: Path, *state: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_BYTES)).hexdigest()


def of_model(folder: Path) -> dict[str, str]:
    """A digest for each part of a model directory that it has: weights, config, tokenizer, chat template, generation
    config."""
    parts = {part: _files(folder, patterns) for part, patterns in _PARTS.items()}
    return {part: _of_files(folder, files) for part, files in parts.items() if files}


def _files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    files = {file for pattern in patterns for file in folder.glob(pattern)}
    return sorted(file for file in files if file.is_file() and file.name not in _UNREAD)


def _of_files(folder: Path, files: Iterable[Path]) -> str:
    return of_json({str(file.relative_to(folder)): of_file(file) for file in files})


Inputs = Mapping[str, Mapping[str, str]]
"""What a run rests on: under each of its config's names (policy, judge, data, exploit, honest), digests by part."""


def differing(held: Inputs, found: Inputs) -> list[tuple[str, str]]:
    """The (name, part) pairs in which two inputs differ; a name that one of them lacks says nothing."""
    return [
        (name, part)
        for name in sorted(held.keys() & found.keys())
        for part in sorted(held[name].keys() | found[name].keys(), key=_place)
        if held[name].get(part) != found[name].get(part)
    ]


def _place(part: str) -> tuple[int, str]:
    order = list(_PARTS)
    return (order.index(part) if part in order else len(order), part)
