"""Mutants of the science core, and whether a test kills each: are the checks able to fail?

    python benchmarks/mutants.py [ROOM ...] [--sample N] [--only WORDS] [--generated N]

The named ones are in mutants.toml, by room: a fault that somebody could make and nobody would see, as a replacement in
a source file, and the tests that have to fail by it. `--generated N` tries N flips of operators a room as well, drawn
by a hash of where they stand, against all tests of the room: a score, and a list of what survives, to be judged by a
reader.

Everything happens in a copy of the tree; each mutant is a forked process, so that libraries are imported once.
Exit status 1 if fewer are killed in a room than its floor, or a mutant no longer fits the source, 0 otherwise.
"""

from __future__ import annotations

import ast
import compileall
import hashlib
import importlib
import os
import resource
import shutil
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Any

import tyro

ROOT = Path(__file__).parent.parent
PACKAGE = Path("src/vulngames")
COPIED = ("src", "tests", "benchmarks", "examples", "pyproject.toml")
CPU_S = int(os.environ.get("MUTANT_CPU_S", "120"))
"""A mutant that takes more processor time than this would not be let pass."""
OUTPUT = "output.txt"
"""What pytest says last, in the copy."""
PASSED, FAILED = 100, 101
"""Exit statuses of pytest, and 100 more: a process that fails otherwise has a small one. Any other one of pytest's says
that the tests were not run."""
FORK = get_context("fork")


@dataclass(frozen=True)
class Mutant:
    """One fault: `new` in place of `old`, which is once in the package's `file`, and the tests that kill it."""

    room: str
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    generated: bool = False

    def __str__(self) -> str:
        return f"{self.room}: {self.name} ({self.file})"


@dataclass(frozen=True)
class Room:
    """What of a table belongs to one room.

    Attributes:
        files, tests: which files' operators are flipped, and the tests that are to notice.
        floor: the least share of flips that has to be killed; of the named ones it is all.
    """

    name: str
    named: tuple[Mutant, ...]
    files: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    floor: float = 0.0


@dataclass(frozen=True)
class Options:
    """What is tried."""

    rooms: tyro.conf.Positional[tuple[str, ...]] = ()
    """Rooms; all of them if none is named."""
    generated: int = 0
    """Flips of operators a room, beside the named mutants."""
    sample: int | None = None
    """Of a room's named mutants so many, always the same ones; all of them if left out."""
    only: str = ""
    """Of the named mutants, those whose name holds these words."""
    root: Path = ROOT
    """The tree whose copy is changed."""
    table: Path = field(default_factory=lambda: Path(__file__).with_suffix(".toml"))


def main(options: Options) -> int:
    preloaded, rooms = read_table(options)
    problems = [problem for room in rooms for problem in misfits(room.named, options.root)]
    for problem in problems:
        print(problem)
    if problems:
        return 1
    for module in preloaded:
        preload(module)
    with copy_of(options.root) as tree:
        return int(not all([try_room(room, options, tree) for room in rooms]))


def read_table(options: Options) -> tuple[list[str], list[Room]]:
    """The libraries that are imported beforehand, and the rooms that are asked for."""
    table: dict[str, Any] = tomllib.loads(options.table.read_text())
    preloaded = table.pop("preload", [])
    for name in options.rooms:
        if name not in table:
            sys.exit(f"no room {name!r}; valid: {', '.join(table)}")
    rooms = [read_room(name, entry, options) for name, entry in table.items() if name in (options.rooms or table)]
    return preloaded, rooms


def read_room(name: str, entry: Mapping[str, Any], options: Options) -> Room:
    named = []
    for each in entry.get("mutant", ()):
        mutant = Mutant(name, **{**each, "tests": tuple(each["tests"])})
        if options.only in mutant.name:
            named.append(mutant)
    named = draw(named, options.sample)
    return Room(name, tuple(named), tuple(entry["files"]), tuple(entry["tests"]), entry["floor"])


def misfits(mutants: Sequence[Mutant], root: Path) -> Iterator[str]:
    """Which of them do not fit the source, in words."""
    for mutant in mutants:
        path = root / PACKAGE / mutant.file
        found = path.read_text().count(mutant.old) if path.is_file() else 0
        if found != 1:
            yield f"{mutant} does not fit: its old text is {found} times in the file, not once: {mutant.old!r}"
        for test in mutant.tests:
            if not (root / test.partition("::")[0]).is_file():
                yield f"{mutant} names a test of no file: {test}"
        if not mutant.tests:
            yield f"{mutant} names no test that kills it"


def preload(module: str) -> None:
    """Import a library here, so that its copy need not be imported in every process; one that is missing is not."""
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    # Threads that a library has begun do not come along in a fork.
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if find_spec(module.partition(".")[0]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            importlib.import_module(module)


@contextmanager
def copy_of(root: Path) -> Iterator[Path]:
    """A copy of the tree, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        for name in COPIED:
            if (root / name).is_dir():
                shutil.copytree(root / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
            elif (root / name).is_file():
                shutil.copy(root / name, tree / name)
        # By their contents: a file changes twice within a second, and to the same length.
        compileall.compile_dir(tree, quiet=1, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        yield tree


def try_room(room: Room, options: Options, tree: Path) -> bool:
    """Whether enough of a room's mutants are killed."""
    flips = draw(flips_of(room, tree), options.generated)
    everything = [*dict.fromkeys(test for mutant in room.named for test in mutant.tests)]
    if flips:
        everything = [*dict.fromkeys((*room.tests, *everything))]
    if everything and outcome(tree, everything) != PASSED:
        print(f"{room.name}: its tests do not pass as the source is:\n{(tree / OUTPUT).read_text()[-2000:]}")
        return False
    enough = True
    for kind, mutants, floor in (("named", room.named, 1.0), ("generated", flips, room.floor)):
        if mutants:
            survivors = [mutant for mutant in mutants if not is_killed(mutant, tree)]
            killed = len(mutants) - len(survivors)
            print(f"{room.name:<10} {kind:<9} {killed:>3} of {len(mutants):>3} killed, {spent_s():.0f} s", flush=True)
            enough &= killed >= floor * len(mutants)
    return enough


def is_killed(mutant: Mutant, tree: Path) -> bool:
    """Whether a test fails by it; says if none does."""
    path = tree / PACKAGE / mutant.file
    source = path.read_text()
    path.write_text(mutant.new if mutant.generated else source.replace(mutant.old, mutant.new))
    module = ".".join(Path(PACKAGE.name, mutant.file).with_suffix("").parts).removesuffix(".__init__")
    status = outcome(tree, mutant.tests, module)
    path.write_text(source)
    # A flip may break what is run at import; a named one that does shows nothing.
    killed = status != PASSED if mutant.generated else status == FAILED or status < 0
    if not killed:
        print(f"  {'survived' if status == PASSED else f'not tried (status {status})'}: {mutant}", flush=True)
    return killed


def spent_s() -> float:
    """Processor time of everything so far."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def outcome(tree: Path, tests: Sequence[str], module: str = PACKAGE.name) -> int:
    """How a process ends that imports a module of the tree and runs some tests: `PASSED`, `FAILED`, or negative if a
    signal ended it."""
    sys.stdout.flush()
    process = FORK.Process(target=run_tests, args=(tree, tests, module))
    with warnings.catch_warnings():
        # No thread of ours is running.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def run_tests(tree: Path, tests: Sequence[str], module: str) -> None:
    """Run them in this process, and end it; it ends otherwise if the module cannot be imported."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    with (tree / OUTPUT).open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(tree)
    source = str(tree / "src")
    sys.path.insert(0, source)
    os.environ["PYTHONPATH"] = source
    imported = importlib.import_module(module)
    assert str(imported.__file__).startswith(source), "the copy is what is tested"
    import pytest

    # What was imported beforehand asserts nothing of ours.
    arguments = [
        "-x",
        "-q",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    status = int(pytest.main([*arguments, f"--basetemp={tree.parent / 'scratch'}", *tests]))
    sys.exit(PASSED + status)


# Generated ones.

FLIPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And, ast.USub: ast.UAdd,
}  # fmt: skip


def flips_of(room: Room, tree: Path) -> list[Mutant]:
    """Every single flip of an operator in a room's files; `new` is the whole file."""
    mutants = []
    for file in room.files:
        module = ast.parse((tree / PACKAGE / file).read_text())
        for node in ast.walk(module):
            for operator, place in operators_of(node):
                flipped = FLIPS[type(operator)]()
                before = ast.unparse(node)
                _set(node, place, flipped)
                line = node.lineno  # type: ignore[attr-defined]
                name = f"line {line}: {before}  ->  {ast.unparse(node)}"
                mutants.append(Mutant(room.name, name, file, "", ast.unparse(module), room.tests, generated=True))
                _set(node, place, operator)
    return mutants


def operators_of(node: ast.AST) -> list[tuple[ast.AST, int | None]]:
    """The operators of a node that can be flipped, with their places where it has several."""
    if isinstance(node, ast.Compare):
        operators: list[tuple[ast.AST, int | None]] = [(operator, place) for place, operator in enumerate(node.ops)]
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.UnaryOp):
        operators = [(node.op, None)]
    else:
        return []
    return [(operator, place) for operator, place in operators if type(operator) in FLIPS]


def _set(node: Any, place: int | None, operator: ast.AST) -> None:
    if place is None:
        node.op = operator
    else:
        node.ops[place] = operator


def draw(mutants: Sequence[Mutant], n: int | None) -> list[Mutant]:
    """`n` of them, or all, in an order that is the same as long as they are there."""
    order = sorted(mutants, key=lambda mutant: hashlib.blake2b(f"{mutant.file} {mutant.name}".encode()).digest())
    return order[:n]


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options, description=__doc__)))
