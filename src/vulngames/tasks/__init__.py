"""Where prompts come from: seeded synthetic generators, one per game, and the rows of files."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import get_args

from vulngames.errors import UserError
from vulngames.games import Anything, spec
from vulngames.games.spec import Draw, Source
from vulngames.seeds import rng, seed
from vulngames.types import Split, Task

# Draws in a row that give nothing new before a task space counts as used up: seconds.
_PATIENCE = 50_000


def source_of(game: Anything) -> Source:
    """A game's generator.

    Args:
        game: see `games.spec`.

    Raises:
        UserError: unknown game, or one without synthetic tasks.
    """
    source = spec(game).source
    if source is None:
        raise UserError(f"{spec(game).id} has no synthetic tasks; valid: rows of a file (--data)")
    return source


def difficulty_of(game: Anything, given: float | None) -> float:
    """The difficulty of a game's tasks: the one given, or the game's own.

    Raises:
        UserError: as `source_of`, or its tasks cannot be that hard.
    """
    source = source_of(game)
    if given is None:
        return source.difficulty
    if not 0 <= given <= source.hardest:
        valid = f"0 to {source.hardest:g}" if source.hardest else f"0, since the tasks of {spec(game).id} are all alike"
        raise UserError(f"difficulty = {given} is out of range; valid: {valid}")
    return given


class Exhausted(UserError):
    """A generator has no task left that it has not given yet."""


def stream(
    game: Anything, seed: int, split: Split, difficulty: float | None = None, extra: bool | None = None
) -> Iterator[Task]:
    """Tasks of a game without end, none twice; the same arguments give the same tasks.

    Splits share no task whatever their seeds, and adjacent seeds share none: a task's own text says which half of the
    seeds, and which split, may hold it.

    Args:
        game: see `games.spec`.
        seed: names the random stream.
        split: whose tasks; the other holds none of them.
        difficulty: see `Source.difficulty`; the game's own if left out.
        extra: whether `Source.extra` is drawn, too; by default in a test split.

    Raises:
        UserError: as `difficulty_of`, or no such split.
        Exhausted: no task is left that was not given yet.
    """
    if split not in get_args(Split):
        raise UserError(f"unknown split {split!r:.60}; valid: {', '.join(get_args(Split))}")
    hard, source, id = difficulty_of(game, difficulty), source_of(game), spec(game).id
    random = rng("tasks", id, seed, split)
    seen: set[str] = set()
    for draw in _draws(source, extra=split == "test" if extra is None else extra):
        for _ in range(_PATIENCE):
            drawn = draw(random, hard)
            if drawn[0].id not in seen and _belongs(drawn[0].id, seed, split):
                break
        else:
            raise Exhausted(f"{id} at difficulty {hard:g} has about {len(seen)} tasks per split; valid: ask for fewer")
        seen.add(drawn[0].id)
        yield from drawn


def _draws(source: Source, extra: bool) -> Iterator[Draw]:
    while True:
        yield source.draw
        yield source.draw
        if source.extra is not None and extra:
            yield source.extra


def _belongs(id: str, run: int, split: Split) -> bool:
    """Whether a task may be drawn: each is of one of four kinds, by its split and by the seeds that may draw it."""
    half = run % 2
    return seed("split", id) % 4 == (half if split == "train" else 2 + half)


def take(
    game: Anything, seed: int = 0, split: Split = "test", n: int = 1, difficulty: float | None = None
) -> list[Task]:
    """The first `n` tasks of `stream`, drawn from a game's generator.

    Raises:
        UserError: as `stream`, or `n` is no whole number from 0.
    """
    if not isinstance(n, int) or n < 0:
        raise UserError(f"n = {n!r:.60}; valid: a whole number, 0 or more")
    return list(islice(stream(game, seed, split, difficulty), n))


def at_most(game: Anything, seed: int, split: Split, n: int) -> list[Task]:
    """The same, and fewer where the generator has no more.

    Raises:
        UserError: as `stream`.
    """
    drawn: list[Task] = []
    try:
        for task in islice(stream(game, seed, split), n):
            drawn.append(task)
    except Exhausted:
        pass
    return drawn
