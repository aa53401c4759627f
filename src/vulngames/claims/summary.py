"""What a study found, as claims read it: the rows of its summary.json, checked once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from vulngames.errors import UserError
from vulngames.measure import Interval, interval
from vulngames.runs import Run, read_json
from vulngames.summary import ENDS

Row = Mapping[str, Any]
_STEPS = ("domination_step", "steps", "eval_every")
# What claims read of a study beyond its rows: (key, what each of its entries must hold).
_MORE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "correction": {"matches": ("game", "matched", "gap"), "repairs": ("game", "born", "stage", "cured_step", "cured")},
    "audit-rate": {"crossings": ("announced_rate", "normalized", "crossing", "expected")},
}


@dataclass(frozen=True)
class Summary:
    """A finished study: its directory, and what its summary.json holds."""

    home: Path
    held: Mapping[str, Any]

    @property
    def study(self) -> str:
        return str(self.held["study"])

    @property
    def rows(self) -> list[Row]:
        """Its cells, one a row."""
        return self.held["rows"]  # type: ignore[no-any-return]

    @property
    def games(self) -> list[str]:
        """The games that its cells are measured in, in order."""
        return list(dict.fromkeys(row["game"] for row in self.rows))

    @property
    def seeds(self) -> int:
        """Training seeds in a cell."""
        return max((len(row["each"]) for row in self.rows), default=0)

    def find(self, **labels: Any) -> Row | None:
        """The row with these labels, if there is one."""
        held = (row for row in self.rows if all(key in row and row[key] == value for key, value in labels.items()))
        return next(held, None)

    def more(self, key: str, **labels: Any) -> Mapping[str, Any]:
        """The entry with these labels among what was found beyond the rows; empty if there is none."""
        held = (entry for entry in self.held[key] if all(entry[name] == value for name, value in labels.items()))
        return next(held, {})

    @cached_property
    def parameters(self) -> list[int]:
        """The sizes of the policies trained, smallest first, by the runs' own files; empty if these are not there."""
        paths = {self.home / run for row in self.rows for run in row.get("runs", ())}
        abouts = (Run(path).about for path in paths if (path / "run.json").is_file())
        return sorted({about["parameters_of_policy"] for about in abouts if about.get("parameters_of_policy")})


def seeds_of(row: Row, name: str) -> list[Interval | None]:
    """A measure (`er_end`, for one) in each seed of a row, in the order of the seeds."""
    return [None if each[name] is None else interval(each[name]) for each in row["each"]]


def read_summaries(dirs: Sequence[Path]) -> dict[str, Summary]:
    """The studies in directories, by name: of each directory its own summary.json, or those of its folders.

    Raises:
        UserError: a directory without one, a damaged or foreign one, or one study twice.
    """
    found: dict[str, Summary] = {}
    for path in dict.fromkeys(path.resolve() for path in dirs):
        files = [path / "summary.json"] if (path / "summary.json").is_file() else sorted(path.glob("*/summary.json"))
        if not files:
            raise UserError(f"{path} holds no finished study; valid: the directory of one, or of `study all`")
        for file in files:
            summary = _read(file)
            if summary.study in found:
                other = found[summary.study].home
                raise UserError(f"{file.parent} and {other} hold the same study, {summary.study}; valid: one of each")
            found[summary.study] = summary
    return found


def _read(file: Path) -> Summary:
    held = read_json(file)
    if not isinstance(held.get("study"), str) or not isinstance(held.get("rows"), list):
        raise UserError(f"{file} is not a study's summary: it holds no study and rows; valid: what `study` wrote")
    wrong = next((problem for row in held["rows"] if (problem := _problem(row))), "")
    seeds = {len(row["each"]) for row in held["rows"]} if not wrong else set()
    if len(seeds) > 1:
        wrong = "its rows hold different numbers of seeds"
    for key, names in _MORE.get(held["study"], {}).items():
        if not _entries(held.get(key), names):
            wrong = wrong or f"its {key} do not hold {', '.join(names)}"
        elif any(not _OF_MORE.get(name, _anything)(entry[name]) for entry in held[key] for name in names):
            wrong = wrong or f"its {key} hold something else than was written"
    if not isinstance(held.get("relapse_after", {}), dict):
        wrong = wrong or "its relapse_after is not by game"
    sizes = held.get("parameters", {})
    if not isinstance(sizes, dict) or not all(_is_number(size) for size in sizes.values()):
        wrong = wrong or "its parameters are not a number for each size"
    if wrong:
        raise UserError(f"{file} is damaged: {wrong}; run the study again")
    return Summary(file.parent, held)


def _problem(row: Any) -> str:
    if not isinstance(row, dict) or not isinstance(row.get("game"), str):
        return "a row holds no game"
    if not _entries(row.get("each"), (*ENDS, *_STEPS)):
        return f"a row of {row['game']} does not hold what each seed measured"
    measures = [each[name] for each in row["each"] for name in ENDS]
    steps = [each[name] for each in row["each"] for name in _STEPS]
    if not all(value is None or _is_interval(value) for value in measures):
        return f"a measure of {row['game']} is not an interval"
    return "" if all(step is None or _is_number(step) for step in steps) else f"a step of {row['game']} is no number"


def _entries(held: Any, names: Sequence[str]) -> bool:
    return isinstance(held, list) and all(isinstance(each, dict) and each.keys() >= set(names) for each in held)


def _is_interval(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(value.get(key)) for key in ("mean", "lo", "hi"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


def _anything(value: Any) -> bool:
    return True


_OF_MORE: Mapping[str, Callable[[Any], bool]] = {
    "crossing": lambda value: value is None or _is_interval(value),
    "expected": lambda value: value is None or _is_number(value),
    "gap": lambda value: value is None or _is_number(value),
    "cured": lambda cured: isinstance(cured, list) and all(isinstance(each, bool) for each in cured),
    "cured_step": lambda steps: isinstance(steps, list) and all(step is None or _is_number(step) for step in steps),
}
