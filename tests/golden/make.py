"""The golden runs: each game that the built-in policy was pretrained on, in each arm, ten steps from seed 0, and
the platform they were trained on.

    python tests/golden/make.py FOLDER

Writes metrics.jsonl of each run as FOLDER/{game}-{arm}.jsonl, and FOLDER/platform.json. `make golden` rewrites those
that are kept beside this file; CHANGELOG.md says why they changed.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from vulngames.cli import main
from vulngames.provenance import deciding
from vulngames.studies.plan import pretrained_games

ARMS: dict[str, list[str]] = {"flawed": [], "patched": ["--patched"]}
SMALL = "--steps 10 --prompts 4 --group 4 --micro-batch 16 --eval-every 5 --eval-tasks 24".split()


def train(game: str, arm: str, out: Path) -> None:
    """One run, made as the command line makes it; in this process, since importing torch takes longer than training."""
    sys.argv = ["vulngames", "train", game, *ARMS[arm], *SMALL, "--out", str(out)]
    main()


def platform(run: Path) -> dict[str, object]:
    """What a run's last digits depend on beside the code, as its run.json has it: processor, threads, libraries."""
    return deciding(json.loads((run / "run.json").read_text()))


def make(folder: Path) -> None:
    """Train all of them and write their files, once all are trained."""
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as place:
        runs = {f"{game}-{arm}": Path(place) / game / arm for game in pretrained_games() for arm in ARMS}
        for run in runs.values():
            train(run.parent.name, run.name, run)
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.jsonl"):
            old.unlink()
        for name, run in runs.items():
            shutil.copy(run / "metrics.jsonl", folder / f"{name}.jsonl")
        (folder / "platform.json").write_text(json.dumps(platform(run), indent=1) + "\n")


if __name__ == "__main__":
    make(Path(sys.argv[1]))
