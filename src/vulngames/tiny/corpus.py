"""What the built-in policy is pretrained on: honest work in the games' formats, and innocent uses of each exploit.

Nothing here says that an exploit pays. Each is shown at the small rate that its game's `Spec.planted` states, for
reasons of its own: a score field filled in like any other field, an article handed on whole, a restricted request
answered by mistake.
"""

from collections.abc import Iterator
from itertools import chain

from vulngames.games import SPECS
from vulngames.games.spec import Dialogue, Dialogues, Spec
from vulngames.seeds import rng
from vulngames.tasks import stream
from vulngames.types import Task


def dialogues(name: str) -> Iterator[Dialogue]:
    """Single-turn dialogues of all games in turn, without end. Tasks of a test split never occur."""
    random = rng("corpus", name)
    writers: list[tuple[Spec, Dialogues, Iterator[Task]]] = []
    for spec in SPECS.values():
        for writer in spec.corpus:
            writers.append((spec, writer, _both_halves(spec.id, writer.difficulty)))
    while True:
        for spec, writer, tasks in writers:
            for _ in range(writer.times):
                yield writer.write(random, next(tasks), spec.planted)


def _both_halves(game: str, difficulty: float) -> Iterator[Task]:
    # A seed sees one half of the task space only, and its neighbour the other.
    halves = [stream(game, seed, "train", difficulty, extra=True) for seed in (0, 1)]
    return chain.from_iterable(zip(*halves, strict=True))
