"""Where prompts come from: seeded synthetic generators, one a game, and the published rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from vulngames.errors import UserError, choose
from vulngames.seeds import rng, seed
from vulngames.tasks import compliance, proxy, self_grading, tampering
from vulngames.types import Split, Task

Draw = Callable[[Random, float], tuple[Task, ...]]


@dataclass(frozen=True)
class Source:
    """One game's generator.

    Attributes:
        draw: makes the tasks of one behaviour (a pair where cues differ), given a generator and a difficulty in [0, 1].
        difficulty: the default, chosen so that the built-in policy's honest work seldom pays.
        hardest: the largest difficulty; 0 where the tasks have only one.
        extra: tasks that pay the same whatever is written (benign requests), one such draw for two of `draw`'s. They
            teach nothing, so by default only a test split holds them.
    """

    draw: Draw
    difficulty: float
    extra: Draw | None = None
    hardest: float = 1.0


# Draws in a row that give nothing new before a task space counts as used up: seconds.
_PATIENCE = 50_000

SOURCES: dict[str, Source] = {
    "compliance-v1": Source(compliance.draw_restricted, 0.0, compliance.draw_benign, hardest=0.0),
    "self-grading-v1": Source(self_grading.draw, 0.5),
    "proxy-v1": Source(proxy.draw, 0.2),
    "tampering-v1": Source(tampering.draw, 0.9),
}


def difficulty_of(game: str, given: float | None) -> float:
    """The difficulty of a game's tasks: the one given, or the game's own.

    Raises:
        UserError: no generator for this game, or its tasks cannot be that hard.
    """
    source = choose("game", game, SOURCES)
    if given is None:
        return source.difficulty
    if not 0 <= given <= source.hardest:
        valid = f"0 to {source.hardest:g}" if source.hardest else f"0, since the tasks of {game} are all alike"
        raise UserError(f"difficulty = {given} is out of range; valid: {valid}")
    return given


def stream(
    game: str, seed: int, split: Split, difficulty: float | None = None, extra: bool | None = None
) -> Iterator[Task]:
    """Tasks of a game without end, none twice; the same arguments give the same tasks.

    Splits share no task whatever their seeds, and adjacent seeds share none: a task's own text says which half of the
    seeds, and which split, may hold it.

    Raises:
        UserError: as `difficulty_of`, or no task is left that was not given yet.
    """
    hard, source = difficulty_of(game, difficulty), SOURCES[game]
    random = rng("tasks", game, seed, split)
    seen: set[str] = set()
    for draw in _draws(source, extra=split == "test" if extra is None else extra):
        for _ in range(_PATIENCE):
            drawn = draw(random, hard)
            if drawn[0].id not in seen and _belongs(drawn[0].id, seed, split):
                break
        else:
            raise UserError(f"{game} at difficulty {hard:g} has about {len(seen)} tasks a split; valid: ask for fewer")
        seen.add(drawn[0].id)
        yield from drawn


def _draws(source: Source, extra: bool) -> Iterator[Draw]:
    while True:
        yield source.draw
        yield source.draw
        if source.extra is not None and extra:
            yield source.extra


def _belongs(id: str, run: int, split: Split) -> bool:
    return seed("split", id) % 4 == 2 * (split == "test") + run % 2


def take(game: str, seed: int, split: Split, n: int, difficulty: float | None = None) -> list[Task]:
    """The first `n` tasks of `stream`."""
    return list(islice(stream(game, seed, split, difficulty), n))
