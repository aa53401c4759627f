"""The walls of the house: which room may import which. Imports within functions and for types count as well.

A room is a package or a module right under `vulngames`. Each study's folder is a room above the page: the studies' own
room is what carries them out, and reaches their folders by name only (`studies/catalogue.py`).
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import vulngames

LAYERS = """
    errors options seeds printable starter
    types
    sampling files digests measures formats
    sandbox
    games provenance
    runs
    policies selection progress arm tasks
    environment rollouts
    tiny
    training rescore
    studies contract
    claims library
    report
    studies.*
    console parsing
    cli
    __main__
"""
"""From the bottom up: a room imports from lower lines only."""

APART = {
    "errors": "numpy",
    "seeds": "numpy",
    "types": "numpy",
    "games": "torch transformers",
    "tasks": "torch transformers policies",
    "sandbox": "torch transformers numpy",
    "policies": "tasks",
    "claims": "games policies tasks rollouts training torch",
    "report": "policies tasks games sandbox rollouts training torch",
    "studies.*": "policies rollouts torch",
    "rescore": "policies",
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
            package, *parts = name.split(".")
            yield f"vulngames:{room_of(parts)}" if package == "vulngames" and parts else package


def room_of(parts: Sequence[str]) -> str:
    """The room of a module that lies at such a path within the package."""
    in_folder = parts[0] == "studies" and len(parts) > 1 and (HOME / "studies" / parts[1]).is_dir()
    return "studies.*" if in_folder else parts[0]


def rooms() -> dict[str, list[Path]]:
    """The files of each room."""
    files: dict[str, list[Path]] = {}
    for file in sorted(HOME.rglob("*.py")):
        parts = file.relative_to(HOME).with_suffix("").parts
        files.setdefault(room_of(parts), []).append(file)
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
            _, own, other = name.rpartition(":")
            assert other not in apart, where
            if own and other != room:
                assert LEVEL[other] < LEVEL[room], where
