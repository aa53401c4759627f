"""A run is a directory of plain files: what was asked, what came out, and enough to go on after a kill.

run.json          format, recipe, verb, config, argv, versions, device, commit; inputs: digests of what the config names
                  (policy, data, transcripts); `finished` once it is
metrics.jsonl     one line per evaluation (`vulngames.measures.measure`, with its step)
samples.jsonl.gz  every sample, training and test, with its step; pandas.read_json(path, lines=True) opens it
checkpoints/      the newest state of training, until the run is finished
policy/           the trained policy, a model directory
lock              empty; held by the process that writes the run
"""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import platform
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, NotRequired, TypedDict

import msgspec

from vulngames import formats
from vulngames.digests import Inputs, differing
from vulngames.errors import UserError
from vulngames.files import write_json
from vulngames.types import Sample

LOCK = "lock"
_FILE_AGAIN = "valid: the file as it was written"
VERSIONED = ("vulngames", "torch", "transformers", "trl", "numpy", "scipy", "rapidfuzz", "sacrebleu")


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file that `write_json` wrote.

    Raises:
        UserError: it was damaged since.
    """
    return _object(path.read_bytes(), str(path))


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        content = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise UserError(f"{where} is damaged: it is not JSON ({problem}); {_FILE_AGAIN}") from None
    if not isinstance(content, dict):
        raise UserError(f"{where} is damaged: it holds no JSON object; {_FILE_AGAIN}")
    return content


class _About(TypedDict):
    """What is read of every run.json."""

    config: dict[str, Any]
    inputs: NotRequired[Inputs]


class SampleRow(TypedDict):
    """A line of samples.jsonl.gz: a `Sample`, with the step and the split that it was drawn in."""

    step: int
    split: str
    game: str
    task: str
    cue: str
    pair: str
    index: int
    prompt: str
    completions: list[str]
    facts: dict[str, Any]
    reward: float | None
    patched: float | None
    intended: float | None
    exploited: bool | None
    evidence: str
    paper: dict[str, float | None]
    error: str
    finish: list[str]
    asked: list[str]
    parts: dict[str, float]


_AGAIN = "valid: the line as it was written"
_OFTEN_EMPTY: Mapping[str, Any] = {"error": "", "finish": [], "asked": [], "parts": {}}


def _sample_row(line: bytes, where: str) -> SampleRow:
    content = _object(line, where)
    formats.check(content, where)
    row = formats.read_as(SampleRow, {**_OFTEN_EMPTY, **content}, where, _AGAIN)
    if row["reward"] is None and not row["error"]:
        raise UserError(f"{where} is damaged: it holds no reward, and no error; {_AGAIN}")
    if not row["paper"].keys() >= {"acc", "exploit"}:
        raise UserError(f"{where} is damaged: it holds no paper; {_AGAIN}")
    return row


def provenance(device: str) -> dict[str, Any]:
    """Where numbers come from: command, versions, machine, commit, and what the sandbox holds."""
    from vulngames import sandbox

    return {
        "argv": sys.argv,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": device,
        "versions": {name: _version(name) for name in VERSIONED},
        "commit": _commit(),
        "sandbox": sandbox.probe().describe(),
    }


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


@dataclass(frozen=True)
class Run:
    """A run directory. `open_run` makes one."""

    path: Path

    @property
    def about(self) -> dict[str, Any]:
        """What run.json says.

        Raises:
            UserError: it is damaged.
        """
        path = self.path / "run.json"
        content = read_json(path)
        formats.check(content, path)
        formats.read_as(_About, content, path, _FILE_AGAIN)
        return content

    @property
    def inputs(self) -> Inputs:
        """Digests of what its config names; empty if it was written before there were any.

        Raises:
            UserError: run.json is damaged.
        """
        inputs: Inputs = self.about.get("inputs", {})
        return inputs

    @property
    def finished(self) -> bool:
        return (self.path / "run.json").exists() and bool(self.about.get("finished"))

    @property
    def policy(self) -> Path:
        return self.path / "policy"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def metrics(self) -> list[dict[str, Any]]:
        """One row per evaluation, in order of step. A line that a kill has cut short is left out.

        Raises:
            UserError: a line is damaged; it names the line, from 1.
        """
        path = self.path / "metrics.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        rows = []
        for number, line in enumerate(lines, start=1):
            row = _object(line, f"{path} line {number}")
            formats.check(row, f"{path} line {number}")
            if not isinstance(row.get("step"), int):
                raise UserError(f"{path} line {number} is damaged: it holds no step; {_AGAIN}")
            rows.append(row)
        return rows

    def samples(self) -> Iterator[SampleRow]:
        """Every sample as a plain row, with `step` and `split`, up to where a kill has cut the file short.

        Raises:
            UserError: the file is damaged.
        """
        path = self.path / "samples.jsonl.gz"
        if not path.exists():
            return
        try:
            with gzip.open(path, "rb") as file, suppress(EOFError):
                for number, line in enumerate(file, start=1):
                    if line.endswith(b"\n"):
                        yield _sample_row(line, f"{path} line {number}")
        except (gzip.BadGzipFile, zlib.error) as problem:
            raise UserError(f"{path} is damaged: {problem}; {_FILE_AGAIN}") from None

    def drawn(self) -> list[Sample]:
        """Every sample as it was when it was added.

        Raises:
            UserError: as `samples`.
        """
        return [as_sample(row) for row in self.samples()]

    def add_metrics(self, row: Mapping[str, Any]) -> None:
        """Append one evaluation."""
        _append(
            self.path / "metrics.jsonl", (json.dumps({"format": formats.FORMAT, **row}, sort_keys=True) + "\n").encode()
        )

    def add_samples(self, step: int, split: str, samples: Sequence[Sample]) -> None:
        """Append samples drawn at `step` (in finished steps)."""
        named = ({"format": formats.FORMAT, "step": step, "split": split, **vars(sample)} for sample in samples)
        rows = "".join(json.dumps(row, default=vars) + "\n" for row in named)
        # One gzip member a call: members concatenate into a valid file, and a cut between two leaves one too.
        _append(self.path / "samples.jsonl.gz", gzip.compress(rows.encode(), compresslevel=5, mtime=0))

    def sizes(self) -> dict[str, int]:
        """Bytes written so far to the growing files; `rewind` takes them back to it."""
        return {name: _size(self.path / name) for name in ("metrics.jsonl", "samples.jsonl.gz")}

    def rewind(self, sizes: Mapping[str, int]) -> None:
        """Cut the growing files to what they held when `sizes` was taken."""
        for name, size in sizes.items():
            if _size(self.path / name) > size:
                os.truncate(self.path / name, size)

    @contextmanager
    def writing(self) -> Iterator[bool]:
        """Hold the run for one process, until the block ends or the process does.

        Yields whether there is anything left to write: another process may have finished it just before. A user's
        mistake that shows before anything is written leaves no directory that says otherwise.

        Raises:
            UserError: another process holds it.
        """
        # A file of its own: run.json is replaced by another file when it is written, and its lock with it.
        with (self.path / LOCK).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{self.path} is being written by another process; wait, or choose another") from None
            try:
                yield not self.finished
            except UserError:
                if {file.name for file in self.path.iterdir()} == {"run.json", LOCK}:
                    shutil.rmtree(self.path)
                raise

    def finish(self, **extra: Any) -> None:
        """Say in run.json that the run is complete."""
        write_json(self.path / "run.json", {**self.about, "finished": True, **extra})


def open_run(
    path: Path, config: Mapping[str, Any], device: str, verb: str = "rl", inputs: Inputs | None = None, **facts: Any
) -> Run:
    """The run directory at `path`, made if it is not there, so that the same command goes on where it stopped.

    Args:
        verb: what is done in it: `rl`, `sft` or `eval`.
        inputs: digests of what `config` names.
        facts: what run.json is to hold besides.

    Raises:
        UserError: the directory holds something else, or a run with another config, or one that was made when what the
            config names held something else.
    """
    run, config = Run(path), json.loads(json.dumps(config))
    if (path / "run.json").exists():
        made = run.about.get("verb", verb)
        if made != verb:
            raise UserError(
                f"{path} holds a run of `{_command(made)}`, not of `{_command(verb)}`; choose another directory"
            )
        before = run.about["config"]
        other = sorted(key for key in config.keys() | before.keys() if config.get(key) != before.get(key))
        if other:
            key = other[0]
            values = f"{before.get(key)!r}, not {config.get(key)!r}"
            raise UserError(f"{path} holds a run with {key} = {values}; choose another directory")
        for name, part in differing(run.inputs, inputs or {}):
            raise UserError(
                f"{path} was made when {name} = {config.get(name)!r} had other {part}; "
                "choose another directory, or put back what it was made with"
            )
        recipe = run.about.get("recipe")
        if recipe != formats.RECIPE:
            raise UserError(f"{path} holds a run of recipe {recipe}, not {formats.RECIPE}; choose another directory")
        return run
    # A kill may have left run.json half-written, under another name, or the lock alone.
    if path.exists() and not (path.is_dir() and all(_is_begun(file.name) for file in path.iterdir())):
        raise UserError(f"{path} exists and is not a run directory; choose another directory")
    path.mkdir(parents=True, exist_ok=True)
    known = {"format": formats.FORMAT, "recipe": formats.RECIPE, "verb": verb, "config": config, "inputs": inputs or {}}
    write_json(path / "run.json", {**known, **facts, **provenance(device)})
    return run


def _command(verb: str) -> str:
    return "train" if verb == "rl" else verb


def as_sample(row: SampleRow) -> Sample:
    """A row of `Run.samples` as the sample that it was."""
    return msgspec.convert(row, Sample)


def _is_begun(name: str) -> bool:
    return name == LOCK or (name.startswith("run.json.") and name.endswith(".part"))


def mixed(runs: Sequence[Run]) -> list[str]:
    """What runs call by one name and yet found with other contents, as "weights of policy"; and "recipe" where theirs
    differ."""
    first: dict[tuple[str, str], Mapping[str, str]] = {}
    differences = []
    for run in runs:
        config = run.about["config"]
        for name, parts in run.inputs.items():
            before = first.setdefault((name, str(config.get(name))), parts)
            differences += differing({name: before}, {name: parts})
    names = list(dict.fromkeys(f"{part} of {name}" for name, part in differences))
    recipes = {run.about.get("recipe") for run in runs}
    return [*names, "recipe"] if len(recipes) > 1 else names


def load_run(path: Path) -> Run:
    """An existing run directory.

    Raises:
        UserError: it is not one.
    """
    if not (path / "run.json").is_file():
        runs = sorted(file.parent for file in (*path.glob("*/run.json"), *path.glob("runs/*/run.json")))
        valid = f"; valid: one of the {len(runs)} it holds, e.g. {runs[0]}" if runs else ""
        raise UserError(f"{path} is not a run directory: it holds no run.json{valid}")
    return Run(path)


def _append(path: Path, data: bytes) -> None:
    size = _size(path)
    try:
        with path.open("ab") as file:
            file.write(data)
    except OSError:
        # A full disk must not leave half a record behind.
        os.truncate(path, size)
        raise


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
