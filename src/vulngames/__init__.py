"""What will a model learn to exploit in this reward? Vulnerability games, training, measures with honest statistics.

game = vulngames.make("tampering-v1")
[task] = vulngames.take(game)
sample = vulngames.score_texts(game, task, [text])       # reward, patched, intended, exploited, evidence
samples = vulngames.rollout(game, vulngames.take(game, n=20), answer)      # answer: chat messages → text
vulngames.measure(samples, game.measures)
run = vulngames.train(game, steps=3, out="runs/x")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vulngames.contract import check_game as check_game
    from vulngames.errors import Unscored as Unscored
    from vulngames.errors import UserError as UserError
    from vulngames.games import make as make
    from vulngames.games.spec import Source as Source
    from vulngames.games.spec import Spec as Spec
    from vulngames.library import evaluate as evaluate
    from vulngames.library import train as train
    from vulngames.measures import measure as measure
    from vulngames.rollouts import coin_of as coin_of
    from vulngames.rollouts import rollout as rollout
    from vulngames.rollouts import score_texts as score_texts
    from vulngames.tasks import take as take
    from vulngames.tasks.rows import load as load_rows  # noqa: F401
    from vulngames.types import Environment as Environment
    from vulngames.types import Game as Game
    from vulngames.types import Sample as Sample
    from vulngames.types import Task as Task
    from vulngames.types import Verdict as Verdict

# Each is imported when it is first used, so that `import vulngames` takes no time.
_PLACES = {
    "Environment": ("vulngames.types", "Environment"),
    "Game": ("vulngames.types", "Game"),
    "Sample": ("vulngames.types", "Sample"),
    "Source": ("vulngames.games.spec", "Source"),
    "Spec": ("vulngames.games.spec", "Spec"),
    "Task": ("vulngames.types", "Task"),
    "Unscored": ("vulngames.errors", "Unscored"),
    "UserError": ("vulngames.errors", "UserError"),
    "Verdict": ("vulngames.types", "Verdict"),
    "check_game": ("vulngames.contract", "check_game"),
    "coin_of": ("vulngames.rollouts", "coin_of"),
    "evaluate": ("vulngames.library", "evaluate"),
    "load_rows": ("vulngames.tasks.rows", "load"),
    "make": ("vulngames.games", "make"),
    "measure": ("vulngames.measures", "measure"),
    "rollout": ("vulngames.rollouts", "rollout"),
    "score_texts": ("vulngames.rollouts", "score_texts"),
    "take": ("vulngames.tasks", "take"),
    "train": ("vulngames.library", "train"),
}
__all__ = sorted(_PLACES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
