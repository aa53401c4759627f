"""What several tests share: the command line, run as a user runs it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine fails no test: neither an example that takes long, nor one that takes long to draw.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
