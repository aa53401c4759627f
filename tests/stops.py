"""Observers that tests have in common."""

from vulngames.training.observer import Observer


class Stop(Observer):
    """Breaks a run off at a step, as a kill would."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step(self, done: int, steps: int) -> None:
        if done == self.step:
            raise InterruptedError
