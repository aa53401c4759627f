"""What was done to get the numbers, in one line for the top of the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vulngames.report.sources import command
from vulngames.runs import Run

SHOWN = ("vulngames", "torch", "transformers", "trl")
"""Packages whose versions stand in the line; those of the others stand in the provenance."""
_MOST = 3


def policies(runs: Sequence[Run]) -> list[str]:
    """What training began with, with its size where a run records it."""
    sizes: dict[str, int | None] = {}
    for run in runs:
        name = _policy(run)
        sizes[name] = run.about.get("parameters_of_policy") or sizes.get(name)
    return [f"{name}, a model organism of {size:,} parameters" if size else name for name, size in sizes.items()]


def _policy(run: Run) -> str:
    return str(run.about["config"].get("policy", "unnamed"))


def _first(runs: Sequence[Run]) -> list[Run]:
    """The runs that do not begin with what another run has made; all of them, if there are none."""
    return [run for run in runs if not _goes_on(run)] or list(runs)


def _goes_on(run: Run) -> bool:
    """Whether it begins with what another run has made."""
    path = Path(_policy(run).removeprefix("hf:"))
    return path.name == "policy" and (path.parent / "run.json").is_file()


def setup(runs: Sequence[Run], commands: Sequence[str]) -> list[tuple[str, str]]:
    """The line as (what, value) pairs, without those of which no run says anything.

    Args:
        runs: all that the page reports.
        commands: those that studies recorded; if there are none, the runs' own are taken.
    """
    distinct = {run.path.resolve(): run for run in runs}
    abouts = [run.about for run in distinct.values()]
    configs = [about["config"] for about in abouts]
    dates = sorted(about["started"][:10] for about in abouts if about.get("started"))
    facts = {
        "policy": _few(policies(_first(runs)), "; "),
        "games": _few(_distinct(configs, "game"), most=9),
        "runs": _kinds(abouts),
        "seeds": _few(_distinct(configs, "seed"), most=9),
        "steps": _span(config.get("steps") for config in configs),
        "held-out tasks": _times(
            _span(c.get("eval_tasks") for c in configs), _span(c.get("eval_group") for c in configs)
        ),
        "sampling": _sampling(configs),
        "command": _few(dict.fromkeys(commands) or dict.fromkeys(map(command, abouts)), "; "),
        "date": " to ".join(dict.fromkeys(dates[:1] + dates[-1:])),
        "versions": _few(dict.fromkeys(filter(None, map(_versions, abouts))), "; "),
    }
    return [(name, value) for name, value in facts.items() if value]


def _kinds(abouts: Sequence[Mapping[str, Any]]) -> str:
    counts = Counter(_kind(about) for about in abouts)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))


def _kind(about: Mapping[str, Any]) -> str:
    paid = "patched" if about["config"].get("patched") else "flawed"
    return {"sft": "taught by transcripts", "eval": "measured only"}.get(about.get("verb", "rl"), paid)


def _sampling(configs: Sequence[Mapping[str, Any]]) -> str:
    # That of evaluations, on which the page rests, where a run has one of its own for them.
    temperature = _span(config.get("eval_temperature", config.get("temperature")) for config in configs)
    most = _span(config.get("max_tokens") for config in configs)
    parts = (f"temperature {temperature}" if temperature else "", f"up to {most} tokens" if most else "")
    return ", ".join(filter(None, parts))


def _times(tasks: str, group: str) -> str:
    return f"{tasks} × {group}" if tasks and group else tasks


def _versions(about: Mapping[str, Any]) -> str:
    versions = about.get("versions") or {}
    return ", ".join(f"{name} {versions[name]}" for name in SHOWN if versions.get(name))


def _distinct(configs: Sequence[Mapping[str, Any]], key: str) -> list[str]:
    values = {config[key] for config in configs if config.get(key) is not None}
    return [str(value) for value in sorted(values, key=lambda value: (str(type(value)), value))]


def _span(values: Iterable[Any]) -> str:
    """`10`, or `10 to 50`."""
    numbers = sorted({value for value in values if isinstance(value, int | float)})
    return " to ".join(f"{value:g}" for value in dict.fromkeys(numbers[:1] + numbers[-1:]))


def _few(values: Iterable[str], between: str = ", ", most: int = _MOST) -> str:
    texts = list(values)
    more = [f"and {len(texts) - most} more"] if len(texts) > most else []
    return between.join(texts[:most] + more)
