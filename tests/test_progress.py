"""Progress: bars at a terminal that say phase, steps, ER and time left; lines elsewhere, and none that is empty."""

from pathlib import Path

import pytest
from rich.console import Console

from vulngames import progress
from vulngames.progress import RunBars, bar, run_progress
from vulngames.runs import Run, open_run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run without an evaluation so far."""
    return open_run(tmp_path / "proxy-v1-flawed-0", {"game": "proxy-v1"}, "cpu")


def evaluated(run: Run, step: int, er: float | None) -> None:
    run.add_metrics({"step": step, "er": None if er is None else {"mean": er, "lo": 0.0, "hi": 1.0}})


def _train(run: Run, bars: RunBars) -> None:
    bars.show(run.path, "rl", 0, None)
    evaluated(run, 0, 0.02)
    for step in (1, 2, 3):
        bars.show(run.path, "rl", step, 4)
    evaluated(run, 4, None)
    bars.show(run.path, "rl", 4, 4)


@pytest.mark.parametrize("detailed", [True, False])
def test_elsewhere_there_are_lines(run: Run, capsys: pytest.CaptureFixture[str], detailed: bool) -> None:
    with bar("episodes", 3) as advance, run_progress() as display:
        advance(1)
        _train(run, RunBars(display, detailed))
    said = capsys.readouterr()
    during = ["proxy-v1-flawed-0: training, 1 of 4 steps, ER 0.02 at step 0"] if detailed else []
    assert said.err.splitlines() == [*during, "proxy-v1-flawed-0: finished, ER not measurable at step 4"]
    assert said.out == ""


def test_a_bar_says_phase_steps_and_er(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "console", lambda: Console(stderr=True, force_terminal=True, width=120))
    with run_progress() as display:
        bars = RunBars(display)
        bars.show(run.path, "rl", 0, None)
        evaluated(run, 0, 0.25)
        bars.show(run.path, "rl", 2, 8)
        display.refresh()
        said = capsys.readouterr().err
        assert all(word in said for word in ("training", "2/8", "ER 0.25 at step 0", "left:"))
        bars.show(run.path, "rl", 8, 8)
    assert not bars.bars
