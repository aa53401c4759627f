"""Several processes that a launcher such as torchrun starts for one run."""

import os
import time

from vulngames.errors import UserError

# A launcher ends all processes as soon as one has failed, and it is the first that says why.
_FIRST_WORD_S = 5.0
_SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")


def is_first() -> bool:
    """Whether this process is the first of its launcher, or has none."""
    return os.environ.get("WORLD_SIZE", "1") == "1" or os.environ.get("RANK", "0") == "0"


def refuse_ranks() -> None:
    """A run is written by one process.

    Raises:
        UserError: a launcher has started this process as one of several.
    """
    for name in _SIZES:
        size = os.environ.get(name, "")
        if size.isdigit() and int(size) > 1:
            if not is_first():
                time.sleep(_FIRST_WORD_S)
            raise UserError(
                f"{name} = {size}: one run is trained by one process; valid: the same command without a launcher "
                "(torchrun, accelerate launch, mpirun), or one process"
            )
