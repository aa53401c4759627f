"""What several tests share: the command line, run as a user runs it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine fails no test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def vulngames(tmp_path: Path) -> Command:
    """Run the command line in an empty directory; returns the finished process."""

    def run(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "vulngames", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=600)
        if check:
            assert done.returncode == 0, done.stderr
        return done

    return run
