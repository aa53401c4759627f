"""What one run of submitted code may use."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """Bounds of one child process: one run on standard input, or one batch of calls. All are positive."""

    wall_s: float = 5.0
    """Seconds of wall-clock time, start to end, in which a program must end that has the processor when it wants it. On
    a busy machine it may go on until it got as much processor time; at the longest ten times this."""
    cpu_s: int = 5
    """Whole seconds of processor time, summed over threads."""
    memory_mb: int = 1024
    """MiB of address space, of which the interpreter takes about 25 and each thread 8 for its stack."""
    output_kb: int = 1024
    """KiB in any one file the child writes: its answers, its standard error, anything on disk. `grade` raises it where
    a test expects more."""
    files: int = 32
    """Open descriptors."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ValueError(f"Limits.{field.name} is {value!r}; it must be greater than 0")
