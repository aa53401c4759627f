"""What directories say, as sections of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from vulngames.arm import Arm, ArmName
from vulngames.digests import differing
from vulngames.errors import UserError, choose
from vulngames.games import SPECS, spec
from vulngames.report.chapter import Chapter
from vulngames.report.chapters import CHAPTERS, chapter
from vulngames.report.match import Match
from vulngames.report.provenance import Provenance, provenance
from vulngames.report.records import records, to_csv
from vulngames.report.row import Row, labels_of
from vulngames.report.setup import policies
from vulngames.runs import Run, mixed
from vulngames.summary import read_summary


@dataclass(frozen=True)
class Section:
    """One study, or runs given by themselves, as the page shows it."""

    name: str
    title: str
    matches: list[Match]
    notes: list[str]
    facts: list[tuple[str, str]]

    @property
    def arms(self) -> list[Arm]:
        return [arm for match in self.matches for arm in match.arms]

    @property
    def runs(self) -> list[Run]:
        return [run for arm in self.arms for run in arm.found]

    @property
    def policies(self) -> list[str]:
        """What was trained, with its size where a run records it."""
        return policies(self.runs)

    @cached_property
    def rows(self) -> list[Row]:
        """Every arm with runs, as a study's cell."""
        return [row for match in self.matches for row in match.rows]

    @property
    def labels(self) -> list[str]:
        """The columns that name a row."""
        return labels_of(self.rows)

    def csv(self, home: Path) -> str:
        """Its numbers as CSV, for a page that lies in `home`."""
        return to_csv(records(self.name, self.rows, home))

    def provenance(self, home: Path) -> Provenance:
        return provenance([(match.label, match.arms) for match in self.matches], self.facts, home)


def read(dirs: Sequence[Path]) -> tuple[list[Section], list[Chapter]]:
    """The page's sections of matched arms, and its chapters, one for every other study.

    Raises:
        UserError: see `write_report`.
    """
    sections: list[Section] = []
    chapters: list[Chapter] = []
    single: dict[Path, Path] = {}
    for path in [each for given in dirs for each in _studies(given)]:
        anchor = f"s{len(sections)}"
        if (path / "summary.json").is_file():
            summary = read_summary(path)
            name = str(summary["study"])
            choose("study", name, {"emergence": None, **CHAPTERS})
            if name == "emergence":
                sections.append(_emergence(path, summary, anchor))
            else:
                chapters.append(chapter(path, summary))
        elif (path / "run.json").is_file():
            single[path.resolve()] = path
        elif runs := [file.parent for file in sorted(path.glob("runs/*/run.json"))]:
            note = "The study is not finished: it has no summary.json yet."
            matches, notes = _pair(runs, anchor)
            sections.append(_section("runs", f"Runs of {path.name}", matches, [note, *notes], []))
        else:
            raise UserError(f"{path} is neither a study (summary.json) nor a run (run.json)")
    if single:
        matches, notes = _pair(list(single.values()), f"s{len(sections)}")
        sections.append(_section("runs", "Runs", matches, notes, []))
    if not sections and not chapters:
        raise UserError("nothing to report; give study or run directories")
    if not chapters and not any(section.matches for section in sections):
        held = ", ".join(map(str, dirs))
        raise UserError(
            f"{held}: no training by reward to report; valid: studies or runs of it; `show` has the samples"
        )
    return sections, chapters


def _studies(path: Path) -> list[Path]:
    """The studies of a directory that holds several, as `study all` makes it; or the directory itself."""
    if (path / "summary.json").is_file():
        return [path]
    held = {file.parent.name: file.parent for file in sorted(path.glob("*/summary.json"))}
    return [held[name] for name in sorted(held, key=_place)] or [path]


def _place(name: str) -> tuple[int, str]:
    order = ["emergence", *CHAPTERS]
    return (order.index(name) if name in order else len(order), name)


def _emergence(path: Path, summary: Mapping[str, Any], anchor: str) -> Section:
    rows = {(row["game"], row.get("arm")): row for row in summary["rows"]}

    def arm(game: str, name: ArmName) -> Arm:
        return Arm(game, name, tuple(path / run for run in rows.get((game, name), {}).get("runs", ())))

    games = [choose("game", game, SPECS).game.id for game in dict.fromkeys(game for game, _ in rows)]
    matches = [Match(game, f"{anchor}-{game}", arm(game, "flawed"), arm(game, "patched")) for game in games]
    whole = [arm for match in matches for arm in match.arms if arm.complete]
    notes = [note for arm in whole if (note := _disagreement(arm, rows[arm.game, arm.name]))]
    facts = [("command", summary["command"]), ("time spent in its store", f"{summary['wall_s']:.0f} s")]
    title = "Emergence: is the exploit learned under the flaw, and not under its patch?"
    return _section("emergence", title, matches, notes, facts)


def _disagreement(arm: Arm, row: Mapping[str, Any]) -> str:
    """How the summary differs from the files it was made of, by more than its rounding; empty if it does not."""
    ends = {"start": arm.start, "end": arm.end}
    ours: dict[str, float | None] = {"onset_step": arm.onset, "domination_step": arm.domination}
    said: dict[str, float | None] = {key: row[key] for key in ours}
    for name, when in product(("itp", "er"), ends):
        value, key = ends[when](name), f"{name}_{when}"
        ours[key] = None if value is None else value.mean
        said[key] = None if row[key] is None else row[key]["mean"]
    # As floats, None is nan, and two of them agree.
    a, b = (np.array([*values.values()], float) for values in (ours, said))
    agree = np.isclose(a, b, rtol=0, atol=1e-3, equal_nan=True)
    differ = [
        f"{key} {_shown(said[key])}, not {_shown(ours[key])}" for key, ok in zip(ours, agree, strict=True) if not ok
    ]
    if not differ:
        return ""
    return f"summary.json disagrees with the runs of {arm.game}, {arm.name}, shown here: {'; '.join(differ)}."


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"


def _pair(paths: Sequence[Path], anchor: str) -> tuple[list[Match], list[str]]:
    """Runs pooled where they differ in seed alone, and matched where they differ in the rule alone; and a note on
    each that is left out because another has its config, seed and all: twice the same is not two seeds."""
    groups: dict[str, dict[bool, list[Path]]] = {}
    used: dict[str, Path] = {}
    notes = []
    for path in sorted(paths, key=lambda path: not Run(path).finished):
        config = Run(path).about["config"]
        if Run(path).about.get("verb", "rl") != "rl":
            notes.append(f"{path.name} is left out: it is no training by reward.")
            continue
        twin = used.setdefault(json.dumps(config, sort_keys=True), path)
        if twin != path:
            # Where the directories lie on someone's machine is nobody's business.
            left, kept = ("/".join(each.parts[-2:]) for each in (path, twin))
            other = [f"{part} of {name}" for name, part in differing(Run(twin).inputs, Run(path).inputs)]
            but = f", but was made with other {', '.join(other)}" if other else ""
            notes.append(f"{left} is left out: it has the same config and seed as {kept}{but}.")
            continue
        try:
            spec(str(config.get("game")))
        except UserError as problem:
            raise UserError(f"{path} was trained in a game that is not known here: {problem}") from None
        same = {key: value for key, value in config.items() if key not in ("seed", "patched")}
        sides = groups.setdefault(json.dumps(same, sort_keys=True), {False: [], True: []})
        sides[bool(config.get("patched"))].append(path)
    games = [json.loads(same)["game"] for same in groups]
    matches = []
    for place, (game, sides) in enumerate(zip(games, groups.values(), strict=True)):
        label = game if games.count(game) == 1 else f"{game}, {(sides[False] + sides[True])[0].name}"
        arms = Arm(game, "flawed", tuple(sides[False])), Arm(game, "patched", tuple(sides[True]))
        matches.append(Match(label, f"{anchor}-{place}", *arms))
    return matches, notes


def _section(
    name: str, title: str, matches: list[Match], notes: Sequence[str], facts: list[tuple[str, str]]
) -> Section:
    """A section with a note on every arm whose runs are not all there and finished, or hold unscored samples."""
    found = [note for match in matches for note in (*_mixture(match), *(n for arm in match.arms for n in _gaps(arm)))]
    return Section(name, title, matches, [*notes, *found], facts)


def _mixture(match: Match) -> list[str]:
    other = mixed(run for arm in match.arms for run in arm.found)
    if not other:
        return []
    return [
        f"{match.label}: its runs were not made with the same {', '.join(other)}, though their configs name the same."
    ]


def _gaps(arm: Arm) -> list[str]:
    notes, named = [], f"{arm.game}, {arm.name}"
    if arm.paths and not arm.complete:
        finished = sum(run.finished for run in arm.found)
        missing = len(arm.paths) - len(arm.found)
        count = f"{finished} of {len(arm.paths)} runs finished" + (f" and {missing} missing" if missing else "")
        used = f"those of {len(arm.used)} up to step {arm.steps[-1]}" if arm.steps else "none yet"
        notes.append(f"Not finished: {named} has {count}; its numbers are {used}.")
    failed, n = arm.failed
    if failed:
        notes.append(f"{named}: {failed:,} of {n:,} evaluated samples could not be scored and are left out.")
    return notes
