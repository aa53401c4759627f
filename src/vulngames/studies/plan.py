"""What a study is asked to do, apart from the studies themselves so that `--help` need not import them."""

from dataclasses import dataclass

# The longest runs first, so that no worker is left with one at the end.
LONGEST_FIRST = ("proxy-v1", "tampering-v1", "self-grading-v1", "compliance-v1")


@dataclass(frozen=True)
class Plan:
    """What the study is asked to do."""

    games: tuple[str, ...] = LONGEST_FIRST
    """Games to train in."""
    policy: str = "tiny"
    """The policy to start from: tiny or hf:PATH_OR_ID."""
    seeds: int = 3
    """Training seeds an arm; both arms use the same."""
    steps: int | None = None
    """Optimizer steps a run."""
    workers: int = 2
    """Processes, of one thread each."""
