"""What a study is asked to do, apart from the studies themselves so that `--help` need not import them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from vulngames.options import optional


def pretrained_games() -> tuple[str, ...]:
    """The games that the built-in policy was pretrained on."""
    # Not at the top: the help of other commands needs no games.
    from vulngames.games import SPECS

    return tuple(id for id, spec in SPECS.items() if spec.corpus)


@dataclass(frozen=True)
class Plan:
    """What the study is asked to do."""

    games: tuple[str, ...] = field(default_factory=pretrained_games)
    """Games to train in."""
    policy: str = "tiny"
    """The policy to start from: tiny or hf:PATH_OR_ID."""
    seeds: int | None = optional("3, or 5 in emergence and at full scale")
    """Training seeds per arm, the same in every arm."""
    first_seed: int = 10
    """The first of them; by those below 10 the defaults were chosen."""
    variants: bool = True
    """emergence: also train the other settings that games name."""
    steps: int | None = optional("each game's own")
    """Steps of a first training."""
    workers: int = 2
    """Processes, of one thread each."""
    scale: Literal["small", "full"] = "small"
    """small: minutes on two cores. full: more seeds, longer second trainings, finer grids."""
    sizes: tuple[str, ...] | None = optional("the built-in sizes, or POLICY alone if it is not one of them")
    """scale and distillation: policies to compare, smallest first."""

    @property
    def full(self) -> bool:
        return self.scale == "full"

    @property
    def compared(self) -> tuple[str, ...]:
        """The sizes themselves."""
        # Not at the top: `--help` needs no policies.
        from vulngames.policies import TINY

        return self.sizes or (tuple(TINY) if self.policy in TINY else (self.policy,))

    @property
    def seed_range(self) -> range:
        """The seeds themselves."""
        count = (5 if self.full else 3) if self.seeds is None else self.seeds
        return range(self.first_seed, self.first_seed + count)
