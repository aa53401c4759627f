"""Seconds of processor time, user and system together, that `--help` takes, beside a bare interpreter: least of ten.

python benchmarks/help.py
"""

import resource
import subprocess
import sys

COMMANDS = (
    "games", "play", "eval", "score", "train", "sft", "study", "show", "report", "table", "claims", "sandbox",
)  # fmt: skip
LIMIT_S = 0.25
"""For `vulngames --help`, on the two cores that the log speaks of."""


def least_s(*arguments: str, times: int = 10) -> float:
    """The processor time of this interpreter with these arguments."""
    return min(_once_s(arguments) for _ in range(times))


def _once_s(arguments: tuple[str, ...]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    bare = least_s("-c", "pass")
    print(f"{'bare interpreter':28} {bare:.3f} s")
    print(f"{'import tyro':28} {least_s('-c', 'import tyro'):.3f} s")
    whole = least_s("-m", "vulngames", "--help")
    print(f"{'vulngames --help':28} {whole:.3f} s, {whole / bare:.0f} times a bare interpreter")
    for command in COMMANDS:
        print(f"{f'vulngames {command} --help':28} {least_s('-m', 'vulngames', command, '--help', times=3):.3f} s")
    if whole > LIMIT_S:
        sys.exit(f"vulngames --help took {whole:.3f} s; the limit is {LIMIT_S} s")


if __name__ == "__main__":
    main()
