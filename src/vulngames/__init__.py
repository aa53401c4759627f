"""What will a model learn to exploit in this reward? Vulnerability games, training, measures with honest statistics.

game = vulngames.make("tampering-v1")
[task] = vulngames.take(game)
sample = vulngames.score_texts(game, task, [text])       # reward, patched, intended, exploited, evidence
samples = vulngames.rollout(game, vulngames.take(game, n=20), answer)      # answer: chat messages → text
vulngames.measure(samples, game.measures)
run = vulngames.train(game, steps=3, out="runs/x")
"""

from __future__ import annotations

import sys
from types import ModuleType
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
    from vulngames.measure import measure as measure
    from vulngames.rollout import coin_of as coin_of
    from vulngames.rollout import rollout as rollout
    from vulngames.rollout import score_texts as score_texts
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
    "coin_of": ("vulngames.rollout", "coin_of"),
    "evaluate": ("vulngames.library", "evaluate"),
    "load_rows": ("vulngames.tasks.rows", "load"),
    "make": ("vulngames.games", "make"),
    "measure": ("vulngames.measure", "measure"),
    "rollout": ("vulngames.rollout", "rollout"),
    "score_texts": ("vulngames.rollout", "score_texts"),
    "take": ("vulngames.tasks", "take"),
    "train": ("vulngames.library", "train"),
}
__all__ = sorted(_PLACES)  # pyright: ignore[reportUnsupportedDunderAll]


class _Package(ModuleType):
    """The package, whose functions stay what they are when the modules of the same names are imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _PLACES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        if name not in _PLACES:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        from importlib import import_module

        module, attribute = _PLACES[name]
        value = getattr(import_module(module), attribute)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_PLACES})


sys.modules[__name__].__class__ = _Package
