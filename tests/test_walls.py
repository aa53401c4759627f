"""The walls of the house: which room may import which. Imports within functions and for types count as well.

A room is a package or a module right under `vulngames`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import vulngames

LAYERS = """
    errors seeds printable starter
    types
    sampling files digests measure formats
    sandbox
    games runs
    tasks policies selection progress arm
    rollout environment
    train claims rescore
    report tiny contract library
    studies
    console
    cli
    __main__
"""
"""From the bottom up: a room imports from lower lines only."""

APART = {
    "errors": "numpy",
    "seeds": "numpy",
    "types": "numpy",
    "tasks": "torch transformers numpy",
    "games": "torch transformers",
    "sandbox": "torch transformers numpy",
    "policies": "tasks",
    "claims": "games policies tasks rollout torch",
    "report": "policies tasks sandbox rollout train studies torch",
    "rescore": "policies train",
}
"""What a room may not import though it lies below, and packages of others."""

HOME = Path(vulngames.__file__).parent
LEVEL: dict[str, int] = {}
for level, line in enumerate(LAYERS.split("\n")):
    LEVEL |= dict.fromkeys(line.split(), level)


def imported(file: Path) -> Iterator[str]:
    """What a module imports: rooms as vulngames.ROOM, packages of others by their names."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            # `from vulngames import runs` names a room.
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            yield ".".join(name.split(".")[: 2 if name.startswith("vulngames.") else 1])


def rooms() -> dict[str, list[Path]]:
    """The files of each room."""
    files: dict[str, list[Path]] = {}
    for file in sorted(HOME.rglob("*.py")):
        room = file.relative_to(HOME).parts[0].removesuffix(".py")
        files.setdefault(room, []).append(file)
    del files["__init__"]
    return files


ROOMS = rooms()


def test_every_room_has_its_level() -> None:
    assert set(LEVEL) == set(ROOMS), "LAYERS names the rooms that there are"


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_downwards(room: str) -> None:
    apart = APART.get(room, "").split()
    for file in ROOMS[room]:
        for name in imported(file):
            where = f"{file.relative_to(HOME)} imports {name}"
            package, _, other = name.rpartition(".")
            assert other not in apart, where
            if package == "vulngames" and other != room:
                assert LEVEL[other] < LEVEL[room], where
