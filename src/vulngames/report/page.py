"""The page: what directories say, as sections, and sections as HTML."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from vulngames.errors import UserError, choose
from vulngames.games import GAMES
from vulngames.measure import interval
from vulngames.report import number
from vulngames.report.arm import Arm
from vulngames.report.excerpt import Excerpt, excerpts
from vulngames.report.figures import Trace, panel
from vulngames.report.finding import Finding, find
from vulngames.report.provenance import Provenance, provenance
from vulngames.runs import Run


@dataclass(frozen=True)
class Match:
    """One game's flawed arm against its patched twin. `anchor` is its own on the page."""

    label: str
    anchor: str
    flawed: Arm
    patched: Arm

    @property
    def game(self) -> Any:
        """The game's class: what was asked for, the hole, the measures."""
        return GAMES[self.flawed.game]

    @property
    def arms(self) -> tuple[Arm, Arm]:
        return self.flawed, self.patched

    @cached_property
    def finding(self) -> Finding:
        return find(self.flawed, self.patched)

    @property
    def shown(self) -> Arm:
        """The arm whose episodes are shown: the flawed one, if it is there."""
        return self.flawed if self.flawed.found else self.patched

    @property
    def excerpts(self) -> list[Excerpt]:
        return excerpts(self.shown)

    @property
    def parts(self) -> list[str]:
        return list(dict.fromkeys(part for arm in self.arms for part in arm.parts))

    def panels(self) -> list[Markup]:
        """Reward, ITP and ER against steps."""
        steps = [step for arm in self.arms for line in arm.lines("reward") for step, _ in line]
        if not steps:
            return []
        return [self._panel(title, (min(steps), max(steps))) for title in ("reward", "ITP", "ER")]

    def _panel(self, title: str, steps: tuple[int, int]) -> Markup:
        er, traces, said = title == "ER", [], []
        for arm in self.arms:
            name = arm.pay if title == "reward" else title.lower()
            marks = (arm.onset, arm.domination) if er else (None, None)
            traces.append(Trace(arm.name, arm.curve(name), arm.lines(name), *marks))
            said.append(f"{arm.name} {number.change(arm.start(name), arm.end(name))}")
        words = f"{self.label}, {title} against steps: {'; '.join(said)}"
        return panel(title, words, traces, steps, title != "reward", f"{self.anchor}-{title}")


@dataclass(frozen=True)
class Section:
    """One study, or runs given by themselves, as the page shows it."""

    title: str
    matches: list[Match]
    notes: list[str]
    facts: list[tuple[str, str]]

    @property
    def arms(self) -> list[Arm]:
        return [arm for match in self.matches for arm in match.arms]

    @property
    def policies(self) -> list[str]:
        """What was trained, with its size where a run records it."""
        seen: dict[str, int | None] = {}
        for arm in self.arms:
            for run in arm.found:
                seen[run.about["config"].get("policy", "unnamed")] = run.about.get("parameters_of_policy")
        return [f"{name}, a model organism of {size:,} parameters" if size else name for name, size in seen.items()]

    def provenance(self, home: Path) -> Provenance:
        return provenance([(match.label, match.arms) for match in self.matches], self.facts, home)


def sections(dirs: Sequence[Path]) -> list[Section]:
    """One section a study, then one for all runs given by themselves.

    Raises:
        UserError: see `write_report`.
    """
    found: list[Section] = []
    single: dict[Path, Path] = {}
    for path in dirs:
        anchor = f"s{len(found)}"
        if (path / "summary.json").is_file():
            summary = _load(path / "summary.json")
            found.append(choose("study", str(summary.get("study")), STUDIES)(path, summary, anchor))
        elif (path / "run.json").is_file():
            single[path.resolve()] = path
        elif runs := [file.parent for file in sorted(path.glob("runs/*/run.json"))]:
            note = "The study is not finished: it has no summary.json yet."
            found.append(_section(f"Runs of {path.name}", _pair(runs, anchor), [note], []))
        else:
            raise UserError(f"{path} is neither a study (summary.json) nor a run (run.json)")
    if single:
        found.append(_section("Runs", _pair(list(single.values()), f"s{len(found)}"), [], []))
    if not found:
        raise UserError("nothing to report; give study or run directories")
    return found


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except json.JSONDecodeError as wrong:
        raise UserError(f"{path} is not JSON: {wrong}; run the study again, or remove it") from wrong


def _emergence(path: Path, summary: Mapping[str, Any], anchor: str) -> Section:
    games = dict.fromkeys(row["game"] for row in summary["rows"])
    rows = {(row["game"], row["arm"]): row for row in summary["rows"]}
    matches = []
    for game in games:
        choose("game", game, GAMES)
        runs = {arm: rows.get((game, arm), {}).get("runs", ()) for arm in ("flawed", "patched")}
        flawed = Arm(game, "flawed", tuple(path / run for run in runs["flawed"]))
        patched = Arm(game, "patched", tuple(path / run for run in runs["patched"]))
        matches.append(Match(game, f"{anchor}-{game}", flawed, patched))
    facts = [("command", str(summary["command"]))] if summary.get("command") else []
    if summary.get("wall_s") is not None:
        facts.append(("took", f"{summary['wall_s']:.0f} s"))
    arms = [arm for match in matches for arm in match.arms if arm.complete]
    notes = [_disagreement(arm, rows[arm.game, arm.name]) for arm in arms]
    title = "Emergence: is the exploit learned under the flaw, and not under its patch?"
    return _section(title, matches, [note for note in notes if note], facts)


# A study adds its own: what its summary.json and runs say, as a section.
STUDIES: dict[str, Callable[[Path, Mapping[str, Any], str], Section]] = {"emergence": _emergence}


def _disagreement(arm: Arm, row: Mapping[str, Any]) -> str:
    """How the summary differs from the files it was made of, to the digits shown; empty if it does not."""
    ours = {
        **{f"{name}_start": number.mean(arm.start(name)) for name in ("itp", "er")},
        **{f"{name}_end": number.mean(arm.end(name)) for name in ("itp", "er")},
        "onset_step": arm.onset,
        "domination_step": arm.domination,
    }
    said = {key: row[key] if key.endswith("step") else number.mean(row[key] and interval(row[key])) for key in ours}
    keys = [key for key in ours if ours[key] != said[key]]
    if not keys:
        return ""
    words = ", ".join(f"{key} {said[key]} instead of {ours[key]}" for key in keys)
    return f"summary.json disagrees with the runs of {arm.game}, {arm.name}: {words}. This page shows the runs."


def _pair(paths: Sequence[Path], anchor: str) -> list[Match]:
    """Runs pooled where they differ in seed alone, and matched where they differ in the rule alone."""
    groups: dict[str, dict[bool, list[Path]]] = {}
    for path in paths:
        config = Run(path).about.get("config", {})
        if config.get("game") not in GAMES:
            raise UserError(f"{path} was trained in game {config.get('game')!r}; valid: {', '.join(GAMES)}")
        same = {key: value for key, value in config.items() if key not in ("seed", "patched")}
        sides = groups.setdefault(json.dumps(same, sort_keys=True), {False: [], True: []})
        sides[bool(config.get("patched"))].append(path)
    games = [json.loads(same)["game"] for same in groups]
    matches = []
    for place, (game, sides) in enumerate(zip(games, groups.values(), strict=True)):
        label = game if games.count(game) == 1 else f"{game}, {(sides[False] + sides[True])[0].name}"
        arms = Arm(game, "flawed", tuple(sides[False])), Arm(game, "patched", tuple(sides[True]))
        matches.append(Match(label, f"{anchor}-{place}", *arms))
    return matches


def _section(title: str, matches: list[Match], notes: Sequence[str], facts: list[tuple[str, str]]) -> Section:
    """A section with a note on every arm whose runs are not all there and finished, or hold unscored samples."""
    arms = [arm for match in matches for arm in match.arms]
    return Section(title, matches, [*notes, *(note for arm in arms for note in _gaps(arm))], facts)


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


def render(found: Sequence[Section], home: Path) -> str:
    """The whole page; links are relative to `home`."""
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(num=number.plain, bounds=number.bounds)
    template = environment.from_string((resources.files("vulngames.report") / "page.html.j2").read_text("utf-8"))
    return template.render(sections=found, home=home)
