"""What may stand for a game: an id, a reference to somebody's code, an entry point, an object; and what may not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from vulngames import games
from vulngames.errors import UserError
from vulngames.games.compliance import Compliance
from vulngames.games.spec import Spec
from vulngames.games.tampering import Tampering
from vulngames.tasks import take

CODE = """
from dataclasses import dataclass
from vulngames.games import SPECS
from vulngames.games.compliance import Compliance
import beside
print("imported")
@dataclass(frozen=True)
class Mine(Compliance):
    id = "mine-v3"
SPEC = beside.changed(SPECS["compliance-v1"], Mine)
class Holder:
    spec = SPEC
class Unspeakable:
    def __repr__(self):
        raise ValueError
Unspeakable.it = Unspeakable()
def pays(completion):
    return len(completion)
"""
BESIDE = """
from dataclasses import replace
def changed(spec, game):
    return replace(spec, game=game)
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The present folder, with a game in a file and in a package."""
    (tmp_path / "mygames").mkdir()
    for path in (tmp_path / "mine.py", tmp_path / "mygames" / "__init__.py"):
        path.write_text(CODE)
    (tmp_path / "beside.py").write_text(BESIDE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    for name in ("mygames", "beside"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ["mine.py:SPEC", "./mine.py:SPEC", "mygames:SPEC", "mine.py:Holder.spec"])
def test_a_reference_means_a_game(mine: Path, capfd: pytest.CaptureFixture[str], name: str) -> None:
    spec = games.spec(name)
    assert (spec.id, games.name_of(name)) == ("mine-v3", name)
    assert games.make(name, penalty=-1.0).penalty == -1.0
    # What it prints is no result.
    assert capfd.readouterr().out == ""


def test_tasks_belong_to_the_game_however_it_is_called(mine: Path) -> None:
    called = ["mine.py:SPEC", str(mine / "mine.py") + ":SPEC", games.spec("mine.py:SPEC"), games.make("mine.py:SPEC")]
    assert all(take(game, n=6) == take("mine.py:SPEC", n=6) for game in called)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("chess", "unknown game 'chess'; valid: compliance-v1, .*, or package.module:NAME or FILE.py:NAME"),
        ("", "unknown game ''; valid: compliance-v1"),
        (":", "':' names no object; valid: package.module:NAME"),
        ("mygames:", "'mygames:' names no object"),
        (":SPEC", "':SPEC' names no object"),
        ("nowhere.at.all:SPEC", "there is no module 'nowhere.at.all' to import; valid"),
        ("mygames.nowhere:SPEC", "there is no module 'mygames.nowhere' to import; valid"),
        ("..:SPEC", "'..' is no name of a module; valid"),
        (" :SPEC", "there is no module ' ' to import|' ' is no name of a module"),
        ("nowhere.py:SPEC", "there is no file nowhere.py; valid"),
        ("mygames/mine.py:SPEC", "there is no file mygames/mine.py; valid"),
        ("mine.py:NONE", "mine.py:NONE: mine.py has no NONE; valid: a name that it defines"),
        ("mine.py:Holder.none", "mine.py has no Holder.none; valid"),
        (
            "mine.py:beside",
            "mine.py:beside is <module 'beside' .* without id, turn, read, reward; valid: a Spec, a game",
        ),
        ("mine.py:Holder", "mine.py:Holder is a class without id, turn, read, reward; valid: a Spec"),
        (
            "os:sep",
            "os:sep is '/' without id, turn, read, reward; valid: a Spec, a game, its class, or a reward functi",
        ),
        ("math:sqrt", "math:sqrt takes x by its place alone; valid: what can be given by name"),
        (
            "broken.py:SPEC",
            r"broken.py cannot be imported, it raises ZeroDivisionError: division by zero at .*, line 2",
        ),
        ("exits.py:SPEC", r"exits.py cannot be imported, it raises SystemExit: 3 at .*exits.py, line 1"),
        ("gives_up.py:SPEC", r"gives_up.py cannot be imported, it raises GivenUp at .*gives_up.py, line 2"),
        ("mine.py:Unspeakable.it", "mine.py:Unspeakable.it is an object of Unspeakable without id, turn, read, reward"),
        ("syntax.py:SPEC", r"syntax.py cannot be imported, it raises SyntaxError: .* \(syntax.py, line 1\)"),
        ("lacks.py:SPEC", r"lacks.py cannot be imported, it raises ModuleNotFoundError: No module named 'not_there'"),
    ],
)
def test_what_means_no_game_is_told_so(mine: Path, name: str, said: str) -> None:
    (mine / "broken.py").write_text("\n1 / 0\n")
    (mine / "exits.py").write_text("raise SystemExit(3)")
    (mine / "gives_up.py").write_text("class GivenUp(BaseException): ...\nraise GivenUp")
    (mine / "syntax.py").write_text("def (")
    (mine / "lacks.py").write_text("import not_there")
    with pytest.raises(UserError, match=said) as told:
        games.spec(name)
    assert "\n" not in str(told.value)


def test_a_file_that_failed_is_read_again(mine: Path) -> None:
    (mine / "later.py").write_text("1 / 0")
    with pytest.raises(UserError, match="ZeroDivisionError"):
        games.spec("later.py:SPEC")
    (mine / "later.py").write_text(CODE)
    assert games.spec("later.py:SPEC").id == "mine-v3"


def installed(site: Path, package: str, points: str) -> None:
    """A distribution of that name, as an installer leaves it."""
    info = site / f"{package}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[vulngames.games]\n{points}\n")


def asked(site: Path, code: str) -> str:
    """What a fresh process prints of `code`, with `site` among the places where packages are installed."""
    program = f"import sys; sys.path.append({str(site)!r})\nfrom vulngames import games, UserError\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=site.parent)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SAID = """
for name in {names!r}:
    try:
        print(games.name_of(name), games.spec(name).id)
    except UserError as problem:
        print(problem)
"""


def test_an_installed_package_brings_games(mine: Path) -> None:
    site = mine / "site"
    installed(site, "good", "mine-v3 = mygames:SPEC\nmine-v2 = mygames:SPEC\nodd = mygames:SPEC [extra]")
    (mine / "mygames").rename(site / "mygames")
    (mine / "beside.py").rename(site / "beside.py")
    said = asked(site, SAID.format(names=["mine-v3", "mine", "odd", "tampering"]))
    assert said.splitlines() == ["mine-v3 mine-v3", "mine-v3 mine-v3", "odd mine-v3", "tampering-v1 tampering-v1"]


def test_an_entry_point_that_means_no_game_is_told_so(mine: Path) -> None:
    site = mine / "site"
    installed(site, "bad", "gone = nowhere:SPEC\nwhole = mygames\nlacking = mygames:NONE\ntwice = mygames:SPEC")
    installed(site, "other", "twice = other:SPEC\ntampering-v1 = mygames:SPEC")
    gone, whole, lacking, twice, ours, none = asked(
        site, SAID.format(names=["gone", "whole", "lacking", "twice", "tampering-v1", "chess"])
    ).splitlines()
    assert gone.startswith("there is no module 'nowhere' to import")
    assert whole.startswith("'mygames:' names no object")
    assert "mygames has no NONE" in lacking
    assert twice == "2 installed packages bring a game 'twice'; valid: one of mygames:SPEC, other:SPEC"
    # Nobody else's game goes under the name of one of this package's.
    assert ours == "tampering-v1 tampering-v1"
    assert "gone, whole, lacking, twice" in none


def test_an_object_stands_for_itself() -> None:
    assert games.name_of(Tampering) == games.name_of(games.SPECS["tampering-v1"]) == "tampering-v1"
    assert games.name_of(games.make("tampering-v1")) == "tampering-v1"
    changed = games.make("compliance-v1", penalty=-3.0)
    name = games.name_of(changed)
    assert games.make(name) == changed and games.make(name, penalty=-4.0).penalty == -4.0
    assert games.spec(changed).tiny == games.SPECS["compliance-v1"].tiny
    assert take(changed, n=4) == take("compliance-v1", n=4)


class NoDataclass(Compliance):
    id = "none-v1"


class Half:
    id = "half-v1"

    def read(self) -> None: ...


@dataclass
class Needs:
    size: int
    id = "needs-v1"
    turn = read = reward = None


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        (7, "7 without id, turn, read, reward; valid: a Spec, a game, its class, or a reward function"),
        (None, "None without id"),
        (Half, "Half is a class without turn, reward; valid"),
        (Half(), "without turn, reward; valid"),
        (str, "str is a class without id"),
        (lambda completion: 1.0, "a lambda has no name for a run to be known by; valid: a function that is defined"),
        (Spec(NoDataclass), r"^tampering-v1 is the id of another game|NoDataclass"),
    ],
)
def test_an_object_that_is_no_game_is_told_so(thing: Any, said: str) -> None:
    if isinstance(thing, Spec):
        thing = Spec(type("Another", (Tampering,), {}))
    with pytest.raises(UserError, match=said if not isinstance(thing, Spec) else "tampering-v1 is the id of another"):
        games.spec(thing)


def test_a_spec_of_a_bare_function_is_refused_and_spoils_nothing(tmp_path: Path) -> None:
    pay = "def pay(completion): return 1.0\n"
    (tmp_path / "bad.py").write_text(f"from vulngames import Spec\n{pay}SPEC = Spec(pay)\n")
    (tmp_path / "mine.py").write_text(pay)
    with pytest.raises(UserError, match=r"a Spec is of <function pay .* without id, turn, read, reward; valid: "):
        games.spec(f"{tmp_path / 'bad.py'}:SPEC")
    assert games.make(f"{tmp_path / 'mine.py'}:pay").id == "mine.py:pay"


def test_a_parameter_without_a_default_is_asked_for() -> None:
    assert games.make(Needs, size="large").size == "large"
    with pytest.raises(UserError, match="needs-v1 needs a value for its parameter 'size'; valid: one with a default"):
        games.make(Needs)


def test_two_games_of_one_id_are_not_mixed_up() -> None:
    spec = games.SPECS["compliance-v1"]
    first, second = (
        Spec(dataclass(frozen=True)(type(f"C{i}", (Compliance,), {"id": "twin-v1"})), spec.source, tiny={"steps": i})
        for i in (1, 2)
    )
    for one in (first, second, first):
        assert games.spec(games.name_of(one)) is one
        assert games.spec(one.game).tiny == games.spec(one.game()).tiny == one.tiny
