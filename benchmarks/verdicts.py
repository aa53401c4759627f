"""How often the ledger's verdicts are false, and how often true, in simulated studies whose truth is known.

    python benchmarks/verdicts.py --studies 200 --seeds 3 5 10 > verdicts.md

Every variant of every claim is judged by the ledger's own code in worlds whose seeds open or do not, or spread about a
mean: the ugly ones first. Two tables are printed: the worst share of false verdicts of each variant over all worlds,
with the world, and the share of true ones in two worlds that are as plain as can be. It takes about an hour of one core
with the options above; `--only` takes studies by name.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from simulated import SIMULATED, Level, Tally, World, beta, opens, tallies

FULL, NONE = World(opens(1.0), opens(0.0)), World(opens(0.0), opens(0.0))
WORLDS = [
    *(World(opens(chance), opens(chance)) for chance in (0.1, 0.3, 0.5, 0.67, 0.9)),
    *(World(opens(chance), opens(0.0)) for chance in (0.1, 0.3, 0.5, 0.67, 0.9)),
    World(opens(0.55), opens(0.45)),
    World(opens(0.3), opens(0.2)),
    World(opens(0.9), opens(0.8)),
    World(opens(0.1), opens(0.67)),
    World(opens(0.9), opens(0.33)),
    World(beta(0.12, 0.05), beta(0.02, 0.02)),
    World(beta(0.5, 0.2), beta(0.4, 0.2)),
    World(beta(0.9, 0.1), beta(0.8, 0.2)),
    World(beta(0.98, 0.0), beta(0.88, 0.0)),
    World(beta(0.12, 0.0), beta(0.02, 0.0)),
    World(beta(0.5, 0.0), beta(0.4, 0.0)),
    FULL,
    NONE,
]
AUDITS = [
    World(opens(0.9), opens(0.1), cut=0.22),
    World(opens(0.67), opens(0.33), cut=0.22),
    World(opens(0.55), opens(0.45), cut=0.22),
    World(beta(0.54, 0.0), beta(0.46, 0.0), cut=0.22),
    World(beta(0.6, 0.2), beta(0.4, 0.2), cut=0.22),
]
TASK_SCORES = [
    World(opens(0.9), opens(0.0), itp=Level(0.4, 0.4)),
    World(opens(0.9), opens(0.0), itp=Level(0.6, 0.6)),
    World(opens(0.9), opens(0.0), itp=Level(0.5, 0.0, 0.5)),
    World(opens(0.9), opens(0.0), itp=beta(0.5, 0.1)),
    World(opens(0.9), opens(0.0), itp=Level(0.88, 0.88), itp_start=0.98),
    World(opens(0.9), opens(0.0), itp=Level(0.98, 0.98), itp_start=0.98),
]
SUSPECT = 0.015
MORE = {"audit-rate": AUDITS, "emergence": TASK_SCORES}


def measured(only: list[str], seeds: list[int], studies: int) -> Iterator[tuple[str, World, int, Tally]]:
    """Every variant in every world."""
    for name in only:
        for world in [*WORLDS, *MORE.get(name, [])]:
            for n in seeds:
                found = tallies(name, world, n, studies)
                if max(tally.false for tally in found) > SUSPECT:
                    # Of so many shares some are large by chance: those are drawn anew, of more studies.
                    found = tallies(name, world, n, 5 * studies)
                for tally in found:
                    yield name, world, n, tally


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 10])
    parser.add_argument("--only", nargs="+", default=list(SIMULATED))
    options = parser.parse_args()
    started = time.process_time()
    worst: dict[tuple[str, str, int], tuple[float, World]] = {}
    power: dict[tuple[str, str, int], list[str]] = {}
    for _, world, n, tally in measured(options.only, options.seeds, options.studies):
        of = (tally.claim, tally.by, n)
        if of not in worst or tally.false > worst[of][0]:
            worst[of] = (tally.false, world)
        if world in (WORLDS[9], FULL, NONE):
            outcome = "holds" if tally.holds else "open" if tally.holds is None else "does not hold"
            power.setdefault(of, []).append(f"{tally.right:.2f} ({outcome})")
    print(f"{options.studies} studies a world, {time.process_time() - started:.0f} s of one core\n")
    print("| claim | by | seeds | worst share of false verdicts | in the world | true verdicts: 0.9, all, none open |")
    print("|---|---|---|---|---|---|")
    for (claim, by, n), (share, world) in worst.items():
        where = str(world).replace("|", "against") if share else "-"
        print(f"| {claim} | {by} | {n} | {share:.3f} | {where} | {', '.join(power[claim, by, n])} |")


if __name__ == "__main__":
    main()
