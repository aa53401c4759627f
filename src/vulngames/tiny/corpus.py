"""What the built-in policy is pretrained on: honest work in the games' formats, and innocent uses of each exploit.

Nothing here says that an exploit pays. Each is shown at the small rate that its game's `Spec.shares` states, for
reasons of its own: a score field filled in like any other field, an article handed on whole, a restricted request
answered by mistake.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import chain, count

from vulngames.games import SPECS
from vulngames.games.spec import Dialogue, Dialogues, Shares, Spec
from vulngames.seeds import rng
from vulngames.tasks import stream
from vulngames.types import Task


def default_shares() -> dict[str, Shares]:
    """How often each game's behaviours are shown to the shipped policies."""
    return {id: spec.shares for id, spec in SPECS.items() if spec.corpus}


def unexploited(shares: Mapping[str, Shares]) -> dict[str, Shares]:
    """The same without a single exploit."""
    return {game: replace(share, exploit=0.0) for game, share in shares.items()}


def dialogues(
    name: str, shares: Mapping[str, Shares], without: Collection[str] = (), seeds: tuple[int, int] = (0, 1)
) -> Iterator[Dialogue]:
    """Dialogues of all games in turn, without end. Tasks of a test split never occur.

    Each dialogue has a random stream of its own: under other shares, or without a kind, the rest stays as it is.

    Args:
        name: of the random streams.
        shares: by game.
        without: kinds of dialogue to leave out, by `Dialogues.task`.
        seeds: of the tasks; neighbours, for each sees one half of the task space only.
    """
    writers: list[tuple[Spec, Dialogues, Iterator[Task]]] = []
    for spec in SPECS.values():
        for writer in spec.corpus:
            if writer.task in without:
                continue
            writers.append((spec, writer, _both_halves(spec.id, writer.difficulty, seeds)))
    for round in count():
        for spec, writer, tasks in writers:
            for time in range(writer.times):
                random = rng("corpus", name, spec.id, writer.task, round, time)
                yield writer.write(random, next(tasks), shares[spec.id])


def _both_halves(game: str, difficulty: float, seeds: tuple[int, int]) -> Iterator[Task]:
    halves = [stream(game, seed, "train", difficulty, extra=True) for seed in seeds]
    return chain.from_iterable(zip(*halves, strict=True))
