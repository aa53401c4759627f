"""The tool that asks whether checks can fail, on a small tree: what it kills, what it lets live, what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(__file__).parent.parent / "benchmarks" / "mutants.py"
SOURCE = """
def larger(a: int, b: int) -> bool:
    return a > b


def price(units: int) -> int:
    return 3 * units + 1
"""
TESTS = """
from vulngames import larger, price


def test_larger() -> None:
    assert larger(2, 1) and not larger(1, 2)


def test_price() -> None:
    assert price(2) == 7


def test_of_nothing() -> None:
    assert price


def test_that_fails() -> None:
    assert price(1) == 0
"""
LARGER, PRICE, NOTHING = (f"tests/test_shop.py::test_{name}" for name in ("larger", "price", "of_nothing"))


def mutant(name: str, old: str, new: str, *tests: str) -> dict[str, Any]:
    return {"name": name, "file": "__init__.py", "old": old, "new": new, "tests": list(tests)}


DEAR = mutant("dear", "3 * units", "4 * units", PRICE)
SMALLER = mutant("smaller", "a > b", "a < b", LARGER)
UNSEEN = mutant("unseen", "3 * units", "4 * units", NOTHING)
GONE = mutant("gone", "2 * units", "4 * units", PRICE)
TWICE = mutant("twice", "int", "float", PRICE)
UNTESTED = mutant("untested", "a > b", "a < b")


def run(home: Path, *options: str, floor: float = 0.0, **rooms: list[dict[str, Any]]) -> tuple[int, str]:
    """The tool's exit status and what it says, of a tree with this shop and these rooms."""
    package, tests = home / "src" / "vulngames", home / "tests"
    package.mkdir(parents=True)
    tests.mkdir()
    (package / "__init__.py").write_text(SOURCE)
    (tests / "test_shop.py").write_text(TESTS)
    lines = []
    for room, mutants in rooms.items():
        lines += [f"[{room}]", 'files = ["__init__.py"]', f"tests = {json.dumps([LARGER, PRICE])}", f"floor = {floor}"]
        for each in mutants:
            lines += [f"[[{room}.mutant]]", *(f"{name} = {json.dumps(value)}" for name, value in each.items())]
    (home / "table.toml").write_text("\n".join(lines))
    command = [sys.executable, str(TOOL), "--root", str(home), "--table", str(home / "table.toml"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert (package / "__init__.py").read_text() == SOURCE, "the tree itself is never changed"
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mutants", "status", "said"),
    [
        ([DEAR, SMALLER], 0, ["shop", "2 of 2 killed"]),
        ([DEAR, UNSEEN], 1, ["survived: shop: unseen (__init__.py)", "1 of 2 killed"]),
        ([GONE], 1, ["gone (__init__.py) does not fit: its old text is 0 times in the file, not once: '2 * units'"]),
        ([TWICE], 1, ["twice (__init__.py) does not fit"]),
        ([{**DEAR, "file": "other.py"}], 1, ["dear (other.py) does not fit"]),
        ([UNTESTED], 1, ["untested (__init__.py) names no test that kills it"]),
        ([{**DEAR, "tests": ["tests/test_gone.py"]}], 1, ["names a test of no file: tests/test_gone.py"]),
        ([{**DEAR, "tests": [f"{PRICE}_gone"]}], 1, ["shop: its tests do not pass as the source is", "not found"]),
        ([{**DEAR, "tests": ["tests/test_shop.py"]}], 1, ["do not pass as the source is", "test_that_fails"]),
        # What breaks at import is not seen by a test.
        ([{**DEAR, "new": "4 * (units"}], 1, ["not tried", "0 of 1 killed"]),
        ([{**SMALLER, "new": "any(False for _ in iter(int, 1))"}], 0, ["1 of 1 killed"]),
    ],
)
def test_what_it_says_of_named_mutants(
    tmp_path: Path, mutants: list[dict[str, Any]], status: int, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MUTANT_CPU_S", "5")
    returned, output = run(tmp_path, shop=mutants)
    words = " ".join(output.split())
    assert returned == status and all(each in words for each in said), output


@pytest.mark.slow
def test_operators_are_flipped_one_at_a_time_and_what_survives_is_shown(tmp_path: Path) -> None:
    status, output = run(tmp_path / "all", "--generated", "9", floor=0.6, shop=[])
    assert status == 0 and "shop       generated   2 of   3 killed" in output
    assert "survived: shop: line 3: a > b  ->  a >= b (__init__.py)" in output
    assert run(tmp_path / "floor", "--generated", "9", floor=0.7, shop=[])[0] == 1


@pytest.mark.slow
def test_rooms_are_chosen_by_name(tmp_path: Path) -> None:
    status, output = run(tmp_path / "one", "bank", shop=[UNSEEN], bank=[DEAR])
    assert status == 0 and "bank" in output and "shop" not in output
    assert "1 of 1 killed" in " ".join(run(tmp_path / "sample", "--sample", "1", shop=[DEAR, SMALLER])[1].split())
    command = [sys.executable, str(TOOL), "--table", str(tmp_path / "one" / "table.toml"), "nowhere"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1 and refused.stderr == "no room 'nowhere'; valid: shop, bank\n"
