"""A finished study's summary.json: read as it was written, or refused in one line that names what is wrong."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from made import made_study
from vulngames.errors import UserError
from vulngames.studies.catalogue import CATALOGUE
from vulngames.studies.plan import Plan
from vulngames.studies.program import Result
from vulngames.studies.study import run_study
from vulngames.studies.summary import read_summary, write_summary
from vulngames.studies.workers import run_all

PLAN = Plan(first_seed=0, games=("proxy-v1", "tampering-v1"), seeds=2, sizes=("tiny", "tiny:small"))
Content = dict[str, Any]


def rising(key: Any, seed: int) -> list[float]:
    return [0.1, 0.5, 0.8 + 0.01 * seed]


def made(home: Path, study: str) -> Content:
    """The content of a whole summary.json."""
    made_study(home, study, PLAN, rising)
    return read(home)


def read(home: Path) -> Content:
    content: Content = json.loads((home / "summary.json").read_text())
    return content


@pytest.mark.parametrize("study", list(CATALOGUE))
def test_what_is_read_is_what_was_written(tmp_path: Path, study: str) -> None:
    made(tmp_path, study)
    before = (tmp_path / "summary.json").read_bytes()
    write_summary(read_summary(tmp_path))
    assert (tmp_path / "summary.json").read_bytes() == before


def rename(parent: Content, old: str, new: str) -> None:
    parent[new] = parent.pop(old)


def cell_twice(content: Content) -> None:
    content["cells"].append(content["cells"][0])


def cell_too_many(content: Content) -> None:
    cell = dict(content["cells"][0])
    content["cells"].append({**cell, "key": {**cell["key"], "game": "compliance-v1"}})


def one_seed_less(content: Content) -> None:
    content["cells"][1]["each"].pop()


def one_run_less(content: Content) -> None:
    content["cells"][1]["runs"].pop()


def one_seed_less_everywhere(content: Content) -> None:
    for cell in content["cells"]:
        cell["each"].pop()
        cell["runs"].pop()


Damage = Callable[[Content], object]
# What is done to a study's file, and what the message says of it.
DAMAGE: list[tuple[str, Damage, str]] = [
    ("emergence", lambda c: c["cells"].pop(), 'no cell of game = "tampering-v1", arm = "patched"'),
    ("emergence", lambda c: c.update(cells=[]), 'no cell of game = "proxy-v1", arm = "flawed"'),
    ("emergence", lambda c: c.pop("cells"), "`cells`"),
    ("emergence", cell_too_many, 'no cell of game = "compliance-v1"'),
    ("emergence", cell_twice, 'the cell of game = "proxy-v1", arm = "flawed", variant = "" twice'),
    ("emergence", lambda c: c["cells"][0]["key"].pop("variant"), "cell 1 holds no variant"),
    (
        "emergence",
        lambda c: c["cells"][0]["key"].update(variant="slow"),
        'no cell of game = "proxy-v1", arm = "flawed"',
    ),
    ("emergence", lambda c: c["findings"].pop("variants"), "`variants`"),
    ("emergence", lambda c: c["findings"]["variants"].pop("proxy-v1"), "it holds no variants of proxy-v1"),
    ("emergence", lambda c: c["findings"]["variants"].update({"proxy-v1": ["slow"]}), 'variant = "slow"'),
    ("emergence", lambda c: c["cells"].append({}), "`key`"),
    ("emergence", lambda c: rename(c["cells"][0], "ends", "end"), "`ends`"),
    ("emergence", lambda c: rename(c["cells"][0]["each"][1], "domination_step", "dominated"), "`domination_step`"),
    ("emergence", lambda c: rename(c["cells"][0]["key"], "arm", "rule"), "`arm`"),
    ("emergence", lambda c: rename(c, "study", "name"), "`study`"),
    ("emergence", lambda c: rename(c["plan"], "games", "game"), "games"),
    ("emergence", lambda c: rename(c["plan"], "steps", "step"), "its plan holds no steps"),
    ("emergence", lambda c: rename(c["cells"][0]["ends"], "er_opened", "er"), "`er_opened`"),
    ("emergence", lambda c: c["cells"][0]["each"][0].pop("itp_change"), "`itp_change`"),
    ("emergence", lambda c: c["cells"][0]["key"].update(arm="Flawed"), "'Flawed'"),
    ("emergence", lambda c: c["cells"][0]["each"][0].update(er_end=3), "er_end"),
    ("emergence", lambda c: c["cells"][0]["each"][0]["er_end"].pop("lo"), "`lo`"),
    ("emergence", lambda c: c["cells"][0]["each"][0].update(steps="many"), "steps"),
    ("emergence", lambda c: c.update(wall_s="long"), "wall_s"),
    ("emergence", one_seed_less, "other numbers of seeds than the study's 2"),
    ("emergence", one_run_less, "other numbers of seeds than the study's 2"),
    ("emergence", one_seed_less_everywhere, "other numbers of seeds than the study's 2"),
    ("emergence", lambda c: c.update(seeds=3), "its seeds is 3, and by its plan 2"),
    ("emergence", lambda c: c["plan"].update(seeds=3), "its seeds is 2, and by its plan 3"),
    ("distillation", lambda c: c.update(policy="tiny:small"), "its policy is tiny:small, and by its plan tiny"),
    ("emergence", lambda c: c["plan"].update(games=["proxy-v1"]), 'no cell of game = "tampering-v1"'),
    ("emergence", lambda c: c.update(study="warmup"), "unknown study 'warmup'; valid: emergence, "),
    ("emergence", lambda c: c.update(study="transfer"), "`trained`"),
    ("emergence", lambda c: c.pop("format"), "has no format"),
    ("emergence", lambda c: c.update(format=3), "has format 3; valid: 2 or less"),
    ("emergence", lambda c: c.update(format=1), "has format 1, of an older vulngames; run the study again"),
    ("emergence", lambda c: c.update(format="new"), "has format 'new'"),
    ("transfer", lambda c: c["cells"][0]["key"].update(trained="none"), 'no cell of game = "proxy-v1", trained = null'),
    ("catalysis", lambda c: c["cells"][0]["key"].update(after="equal step"), "'equal step'"),
    ("catalysis", lambda c: c.pop("findings"), "`findings`"),
    ("catalysis", lambda c: c["findings"]["equal_steps"].pop(), "no single equal_steps of tampering-v1 and proxy-v1"),
    ("catalysis", lambda c: c["findings"]["equal_steps"].append(c["findings"]["equal_steps"][0]), "equal_steps"),
    ("distillation", lambda c: rename(c["cells"][-1]["key"], "followed_by", "then"), "holds no followed_by"),
    ("distillation", lambda c: c["findings"].update(taught=["proxy-v1"]), 'no cell of game = "tampering-v1"'),
    ("distillation", lambda c: rename(c["findings"], "taught", "learned"), "`taught`"),
    ("correction", lambda c: c["findings"]["matches"].pop(), "no single match of tampering-v1"),
    ("correction", lambda c: c["findings"]["matches"].append(c["findings"]["matches"][0]), "no single match"),
    ("correction", lambda c: c["findings"]["matches"][0]["pairs"].pop(), "pairs of its match"),
    ("correction", lambda c: c["findings"]["relapse_after"].pop("proxy-v1"), "relapse_after of proxy-v1"),
    ("correction", lambda c: c["findings"]["relapse_after"].update({"proxy-v1": "repair"}), "'repair'"),
    ("correction", lambda c: c["findings"].update(relapse_after=3), "relapse_after"),
    ("correction", lambda c: c["findings"]["recoveries"].pop(), "no single recovery of tampering-v1, never, honest"),
    ("correction", lambda c: c["findings"]["recoveries"][0]["cured_step"].pop(), "recovery of proxy-v1, rl, patched"),
    ("correction", lambda c: c["findings"]["recoveries"][0].update(cured_step="soon"), "cured_step"),
    ("correction", lambda c: c["findings"]["recoveries"][0].update(cured=["yes", "no"]), "cured"),
    ("correction", lambda c: c["findings"]["recoveries"][0].update(stage="sft repair"), "'sft repair'"),
    ("scale", lambda c: c["findings"]["parameters"].pop("tiny"), "no parameters of just tiny, tiny:small"),
    ("scale", lambda c: c["findings"]["parameters"].update(huge=9), "no parameters of just tiny, tiny:small"),
    ("scale", lambda c: c["findings"]["parameters"].update(tiny="many"), "parameters"),
    ("audit-rate", lambda c: c["findings"]["crossings"].pop(), "no single crossing with announced_rate = None, "),
    ("audit-rate", lambda c: rename(c["findings"]["crossings"][0], "normalized", "normalised"), "`normalized`"),
    ("audit-rate", lambda c: c["findings"]["boundaries"].pop("pays"), "no boundary 'pays'"),
    ("audit-rate", lambda c: rename(c["cells"][0]["key"], "game", "task"), "holds no game"),
    ("base-rate", lambda c: c["findings"]["starts"].pop(), "no single start of tampering-v1 with exploit = None"),
    ("base-rate", lambda c: c["findings"]["starts"][0].update(used="few"), "used"),
    ("base-rate", lambda c: c["findings"]["shipped"]["proxy-v1"].update(exploit=0.5), 'no cell of game = "proxy-v1"'),
    ("base-rate", lambda c: rename(c["cells"][0]["key"], "rival", "other"), "`rival`"),
    ("perfect-reward", lambda c: c["cells"][0]["key"].update(arm="flawed"), "'flawed'"),
    ("perfect-reward", lambda c: rename(c["cells"][0]["key"], "arm", "rule"), "holds no arm"),
]


@pytest.mark.parametrize(("study", "damage", "says"), DAMAGE, ids=[says for _, _, says in DAMAGE])
def test_a_damaged_summary_is_refused_in_a_line_and_its_study_writes_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, study: str, damage: Damage, says: str
) -> None:
    content = made(tmp_path, study)
    whole = read_summary(tmp_path)
    damage(content)
    (tmp_path / "summary.json").write_text(json.dumps(content))
    with pytest.raises(UserError) as problem:
        read_summary(tmp_path)
    message = str(problem.value)
    assert message.startswith(f"{tmp_path / 'summary.json'} ") and says in message and "\n" not in message

    def finish(names: Any, *_: Any) -> Any:
        return [(name, Result({}, whole.findings), 1.0) for name in names]

    monkeypatch.setattr("vulngames.studies.study.run_all", finish)
    monkeypatch.setattr("vulngames.studies.study._chosen", lambda name, plan: [CATALOGUE[name]])
    held = (tmp_path / "summary.json").read_bytes()
    if is_another(content, study):
        with pytest.raises(UserError, match=r"choose another directory|newer vulngames"):
            run_study(study, PLAN, tmp_path)
        assert (tmp_path / "summary.json").read_bytes() == held
    else:
        run_study(study, PLAN, tmp_path)
        assert read(tmp_path)["study"] == study and read(tmp_path)["cells"] == []


def is_another(content: Content, study: str) -> bool:
    """Whether the file says that it is of another study, plan or version, which is not to be replaced."""
    plan = content["plan"]
    other = plan.get("games", PLAN.games) not in (list(PLAN.games), PLAN.games) or "games" not in plan
    return (
        other
        or content.get("study", study) != study
        or content.get("format", 2) not in (1, 2)
        or content.get("seeds") == 3
    )


@pytest.mark.slow
@pytest.mark.parametrize("command", ["claims", "table", "report"])
@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("{", "is damaged: it is not JSON"),
        ("[]", "is damaged: it holds no JSON object"),
        ("{}", "has no format"),
        (lambda c: c["cells"].pop(), "holds no cell of"),
        (lambda c: c.update(study="warmup"), "unknown study 'warmup'"),
        (lambda c: c.update(format=3), "has format 3"),
    ],
)
def test_a_damaged_summary_is_a_line_of_every_command(
    vulngames: Any, tmp_path: Path, command: str, damage: Any, says: str
) -> None:
    content = made(tmp_path / "study", "emergence")
    path = tmp_path / "study" / "summary.json"
    if isinstance(damage, str):
        path.write_text(damage)
    else:
        damage(content)
        path.write_text(json.dumps(content))
    result = vulngames(command, tmp_path / "study", check=False)
    (line,) = result.stderr.splitlines()
    assert result.returncode == 2 and line.startswith(f"vulngames: {path} ") and says in line


def test_a_study_that_an_older_version_wrote_is_not_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vulngames.studies.study.run_all", lambda *_: [])
    plan = dataclasses.asdict(PLAN)
    content = {"study": "transfer", "seeds": 2, "plan": plan, "inputs": {}, "rows": [], "policy": "tiny"}
    (tmp_path / "summary.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="holds a study with study = transfer, not emergence"):
        run_study("emergence", PLAN, tmp_path)


def test_a_game_that_is_named_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[Plan] = []

    def finish(names: Any, *_: Any) -> Any:
        return []

    monkeypatch.setattr("vulngames.studies.study.run_all", finish)
    monkeypatch.setattr("vulngames.studies.study._check_home", lambda name, plan, home: plans.append(plan))
    run_study("catalysis", Plan(first_seed=0, games=("tampering-v1", "tampering", *Plan(first_seed=0).games)), tmp_path)
    assert plans[0].games == ("tampering-v1", "compliance-v1", "self-grading-v1", "proxy-v1")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "is damaged: Object missing required field `wall_s`"),
        ('{"wall_s": "long"}', "is damaged: Expected `float`"),
        ('{"wall_s": null}', "is damaged: Expected `float`"),
        ('{"wall_s": -1}', "is damaged: wall_s = -1"),
        ('{"wall_s": Infinity}', "is damaged: wall_s = inf"),
        ('{"wall_s": NaN}', "is damaged: wall_s = nan"),
        ('{"format": 99, "wall_s": 1}', "has format 99"),
        ("7", "is damaged: it holds no JSON object"),
    ],
)
def test_a_clock_that_cannot_be_read_is_named(tmp_path: Path, content: str, said: str) -> None:
    clock = tmp_path / "clock.json"
    clock.write_text(content)
    with pytest.raises(UserError, match=re.escape(f"{clock} {said}")):
        list(run_all({}, 1, clock))
