"""The command line. Help text is the docstring of a field; nothing heavy is imported until a command needs it."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union

import tyro
from tyro.conf import Positional, arg, subcommand

from vulngames.errors import UserError
from vulngames.printable import one_line, print_path
from vulngames.sampling import Sampling
from vulngames.selection import Selection
from vulngames.studies.plan import Plan
from vulngames.train.config import EvalConfig, RunConfig, SFTConfig, TrainConfig

FAILED = 2
UNHEARD = 141
"""As a shell has it of a program that wrote to a pipe whose reader was gone."""
NARROWEST = 20
"""Columns that text is laid out for at least."""
T = TypeVar("T")
C = TypeVar("C", bound=RunConfig)
StudyName = Literal[
    "all", "emergence", "transfer", "catalysis", "distillation", "correction", "audit-rate", "scale", "perfect-reward"
]
GameId = Positional[Annotated[str, arg(metavar="GAME")]]


@dataclass(frozen=True)
class Games:
    """The games: what is asked for, the hole, and what is measured."""

    json: bool = False
    """Print JSON lines instead of a table."""

    def __call__(self) -> None:
        from vulngames.console import games_table
        from vulngames.games import SPECS

        rows = [
            {"game": id, "asked for": g.asked, "hole": g.hole, "ITP": g.measures.itp, "ER": g.measures.er}
            for id, g in ((id, spec.game) for id, spec in SPECS.items())
        ]
        if self.json:
            _print_rows(rows)
        else:
            games_table(rows)
            _next("play", rows[0]["game"])


@dataclass(frozen=True)
class Chosen:
    """A game, a policy, and how it writes."""

    game: GameId
    """The game's id, e.g. tampering-v1."""
    policy: str = "tiny"
    """tiny, hf:PATH_OR_ID, api:MODEL@URL or script:able|unable|exploit. An endpoint that refuses some of top_k, top_p,
    seed, temperature, max_tokens is sent less, as with api:MODEL@URL#omit=seed,top_p."""
    n: int = 3
    """Tasks."""
    group: int = 1
    """Samples a task."""
    seed: int = 0
    """Names the random streams: tasks, samples, audit coins."""
    difficulty: float | None = None
    """Difficulty of the synthetic tasks, in [0, 1]; the game's own if left out. Compliance has 0 alone."""
    data: Path | None = None
    """Take the tasks from a parquet file with the published schema instead: from all rows, those of training too."""
    held_out: bool = False
    """Of the rows of --data, only the tenth that no training uses. Synthetic tasks are held out always."""
    judge: str | None = None
    """compliance only: a policy that judges replies; by default the rule of the synthetic tasks. Its replies may be as
    long as --parameters judge_tokens 2048 says, thinking included."""
    parameters: dict[str, float | bool] = field(default_factory=dict)
    """Parameters of the game by name, e.g. --parameters audit_rate 0.5."""
    sampling: Sampling = field(default_factory=Sampling)

    def samples(self, out: Path | None = None) -> tuple[Any, list[Any]]:
        """The game, and the samples of a rollout, kept in `out` if it is given."""
        from vulngames.console import look

        return look(
            self.game, self.policy, self.n, self.group, self.seed, self.difficulty, self.data, self.held_out,
            self.judge, self.parameters, self.sampling, out,
        )  # fmt: skip


@dataclass(frozen=True)
class Play(Chosen):
    """Show prompts, what a policy wrote, what the flawed and the patched rule pay, and the verdict."""

    def __call__(self) -> None:
        from vulngames.console import show_samples

        game, samples = self.samples()
        show_samples(game, samples)
        _next("eval", game.id, "--policy", self.policy)


@dataclass(frozen=True)
class Eval(Chosen):
    """Measure a policy in a game: pay, ITP and ER with 95 % intervals, and the paper's own measures."""

    n: int = 100
    """Tasks."""
    json: bool = False
    """Print one JSON object instead of a table."""
    out: Path | None = None
    """Also keep every sample in this run directory; the same command then finds them there."""

    def __call__(self) -> None:
        from vulngames.console import show_measures
        from vulngames.measure import measure
        from vulngames.types import measures_of

        game, samples = self.samples(self.out)
        measured = {"game": game.id, "policy": self.policy, **measure(samples, measures_of(game))}
        if self.json:
            _print_rows([measured])
        else:
            show_measures(game, samples, measured)
        if measured["failed"] == measured["n"]:
            raise UserError(f"no sample could be scored: {samples[0].error}")
        if self.out:
            _next("show", self.out)


@dataclass(frozen=True)
class Score:
    """Score stored texts again, without sampling."""

    game: GameId
    """The game's id, e.g. tampering-v1."""
    data: Path
    """ROWS.parquet, with the published schema of the game's data."""
    texts: Path
    """TEXTS.jsonl: {"row": i, "texts": [answer, report?], "audited": bool?, "judgement": "HARMFUL"|"NOT_HARMFUL"?}."""
    out: Path
    """OUT.jsonl: the same lines with reward, patched, intended, exploited, evidence, paper, error."""
    judge: str | None = None
    """compliance only: a policy that judges replies whose line holds no judgement."""
    parameters: dict[str, float | bool] = field(default_factory=dict)
    """Parameters of the game by name."""

    def __call__(self) -> None:
        from vulngames import environment
        from vulngames.files import is_stream
        from vulngames.progress import counted
        from vulngames.rescore import read_texts, rescore, write_scores
        from vulngames.tasks.rows import read_rows

        game = environment.make(self.game, self.judge, self.parameters)
        tasks = read_rows(game.id, self.data)
        texts = read_texts(self.texts, len(tasks))
        write_scores(self.out, counted("texts", rescore(game, tasks, texts), len(texts)))
        if not is_stream(self.out):
            print_path(self.out)


@dataclass(frozen=True, kw_only=True)
class Train(TrainConfig):
    """Train a policy in a game by GRPO. The same command goes on where a killed run stopped.

    The defaults are those of the game and the policy that are named, tampering-v1 and tiny if none is: the paper's
    settings, or smaller ones for a policy of the built-in size.
    """

    game: GameId
    """The game's id, e.g. tampering-v1."""
    out: Path = Path("runs/train")
    """The run directory."""

    def __call__(self) -> None:
        from vulngames.console import run_with_progress

        run_with_progress(_config(TrainConfig, self), self.out, "policy")
        _next("report", self.out)
        _next("show", self.out, "--exploited")


@dataclass(frozen=True, kw_only=True)
class Sft(SFTConfig):
    """Train a policy on transcripts that `exam --split train` has collected: distillation, or repair by example."""

    game: GameId
    """The game's id, e.g. tampering-v1."""
    out: Path = Path("runs/sft")
    """The run directory."""

    def __call__(self) -> None:
        from vulngames.console import run_with_progress

        run_with_progress(_config(SFTConfig, self), self.out, "policy")
        _next("show", self.out, "--exploited")


@dataclass(frozen=True, kw_only=True)
class Exam(EvalConfig):
    """Measure a policy as a run in training would, or collect its transcripts, into a run directory."""

    game: GameId
    """The game's id, e.g. tampering-v1."""
    out: Path = Path("runs/exam")
    """The run directory."""

    def __call__(self) -> None:
        from vulngames.console import run_with_progress

        run_with_progress(_config(EvalConfig, self), self.out, "metrics.jsonl")
        _next("show", self.out)
        if self.split == "train":
            _next("sft", self.game, "--exploit", self.out)


@dataclass(frozen=True, kw_only=True)
class Study(Plan):
    """Run a study: arms, controls, seeds. The same command goes on where a killed one stopped.

    - emergence: is the exploit learned under the flaw, and not under its patch?
    - transfer: does it show in other games, without training there?
    - catalysis: does a first exploit open a second one earlier, or wider?
    - distillation: does it pass to a student through transcripts?
    - correction: is it harder to train out if born of RL, and does it come back?
    - audit-rate: how often must reports be audited, and does announcing audits help?
    - scale: do larger policies learn more of it?
    - perfect-reward: does it grow when it is not paid?
    - all: every one of these; what one has trained, the others find.
    """

    study: Positional[StudyName]
    """Which study."""
    out: Path | None = None
    """The study's directory; runs/STUDY if left out."""
    store: Path | None = None
    """Where runs are kept and found, so that studies can share them; OUT/runs if left out."""

    def __call__(self) -> None:
        from vulngames.console import show_summary
        from vulngames.studies.study import run_study

        out = self.out or Path("runs") / self.study
        for summary in run_study(self.study, _as(Plan, self), out, self.store):
            show_summary(summary)
            print_path((out / summary.study if self.study == "all" else out) / "summary.json")
        _next("report", out)
        _next("claims", out)


@dataclass(frozen=True, kw_only=True)
class Show(Selection):
    """Read the samples of a run: prompts, what was written, what both rules pay, and the verdict."""

    run: Positional[Path]
    """A run directory."""
    n: int | None = None
    """At most so many samples; 5 if left out, and all with --json or --html."""
    random: bool = False
    """Take them by chance, the same ones each time, instead of from the first on."""
    json: bool = False
    """Print JSON lines, as they stand in the run, instead of panels."""
    html: bool = False
    """Write RUN/samples.html, a page to search and filter, of every step unless one is named."""

    def __call__(self) -> None:
        from vulngames.console import show_selected
        from vulngames.report.browser import write_browser
        from vulngames.runs import load_run
        from vulngames.selection import few, select

        if self.json and self.html:
            raise UserError("both --json and --html are given; valid: one of them")
        run = load_run(self.run)
        found = select(run, _as(Selection, self), every_step=self.html)
        rows = few(found.rows, (None if self.json or self.html else 5) if self.n is None else self.n, self.random)
        if self.html:
            print_path(write_browser(run.path / "samples.html", f"{run.path.name}: {found.title}", rows))
        elif self.json:
            _print_rows(rows)
        else:
            show_selected(found, rows)


@dataclass(frozen=True)
class Report:
    """Write one self-contained report.html from study or run directories."""

    dirs: Positional[tuple[Path, ...]]
    """Study directories or run directories."""
    out: Path | None = None
    """Where to write; report.html in the first directory if left out."""
    picture: Path | None = None
    """Also draw ER against steps, a panel a game, to this .png, .svg or .pdf file."""

    def __call__(self) -> None:
        from vulngames.files import is_stream
        from vulngames.report import write_report

        if not self.dirs:
            raise UserError("no directory given; valid: one or more study or run directories")
        path = write_report(self.dirs, self.out or self.dirs[0] / "report.html", self.picture)
        if not is_stream(path):
            print_path(path.resolve())


@dataclass(frozen=True)
class TableOf:
    """Print the numbers of finished studies as tables in Markdown, or as CSV."""

    dirs: Positional[tuple[Path, ...]]
    """Study directories."""
    csv: bool = False
    """Print one table as CSV instead: every cell, and every seed of it with its run's directory,
    relative to the study's."""

    def __call__(self) -> None:
        from vulngames.console import print_csv, print_markdown
        from vulngames.studies.summary import read_summary

        if not self.dirs:
            raise UserError("no directory given; valid: one or more directories of finished studies")
        summaries = [read_summary(path) for path in self.dirs]
        if self.csv:
            print_csv(summaries)
        else:
            for summary in summaries:
                print_markdown(summary)


@dataclass(frozen=True)
class Claims:
    """Judge the paper's claims by finished studies: supported, contradicted, inconclusive, or not measurable."""

    dirs: Positional[tuple[Path, ...]]
    """Directories of finished studies, or of `study all`."""
    all: bool = False
    """Show the claims, too, that none of these studies speaks of."""
    json: bool = False
    """Print JSON lines instead of a table: every wording of every claim, with `given` saying whether its study is
    there."""
    out: Path | None = None
    """Also write all of it to this file, as JSON."""

    def __call__(self) -> None:
        from vulngames.claims import ledger
        from vulngames.console import show_claims
        from vulngames.files import write_json

        if not self.dirs:
            raise UserError("no directory given; valid: one or more directories of finished studies")
        judged = ledger(self.dirs)
        rows = [dataclasses.asdict(each) for each in judged]
        if self.out is not None:
            write_json(self.out, {"claims": rows})
        if self.json:
            _print_rows(rows)
        else:
            show_claims(judged, self.all)


@dataclass(frozen=True)
class Sandbox:
    """What holds submitted code on this machine: the tier, its layers, and what each missing one costs."""

    corpus: bool = False
    """Run the attack corpus against it; exit status 1 if an attack that this tier should stop succeeds."""

    def __call__(self) -> None:
        from vulngames.console import attack_sandbox, show_sandbox

        show_sandbox()
        if self.corpus and attack_sandbox():
            sys.exit(1)


COMMANDS: dict[str, type[Any]] = {
    "games": Games,
    "play": Play,
    "eval": Eval,
    "score": Score,
    "train": Train,
    "sft": Sft,
    "exam": Exam,
    "study": Study,
    "show": Show,
    "report": Report,
    "table": TableOf,
    "claims": Claims,
    "sandbox": Sandbox,
}
_USUAL = ("tampering-v1", "tiny")
"""Whose defaults a help shows that names no game and no policy."""


def _parse(arguments: Sequence[str]) -> Any:
    """The command that arguments ask for."""
    kind = COMMANDS.get(arguments[0]) if arguments else None
    if kind is None:
        return tyro.cli(_any_command(), prog="vulngames", args=arguments)
    prog = f"vulngames {arguments[0]}"
    if not issubclass(kind, RunConfig):
        return tyro.cli(kind, prog=prog, args=arguments[1:])
    return tyro.cli(kind, prog=prog, args=arguments[1:], default=_defaults_of(kind, prog, arguments[1:]))


def _any_command() -> Callable[..., Any]:
    """A function of any command: of a bare union tyro reads the source of `typing` for a docstring, which takes it half
    its time."""

    def vulngames(command: Any) -> Any:
        """What will a model learn to exploit in this reward?

        `vulngames --version` says which version this is, `vulngames COMMAND --help` what a command takes."""
        return command

    commands: Any = Union[tuple(Annotated[kind, subcommand(name)] for name, kind in COMMANDS.items())]  # noqa: UP007
    vulngames.__annotations__["command"] = Annotated[commands, arg(name="")]
    return vulngames


def _defaults_of(kind: type[RunConfig], prog: str, arguments: Sequence[str]) -> Any:
    """The command with the defaults of the game and the policy that its arguments name, and no game where they name
    none."""
    usual = _resolved(kind, *_USUAL)
    asked = [each for each in arguments if each not in ("-h", "--help")]
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            named = tyro.cli(kind, prog=prog, args=asked, default=dataclasses.replace(usual, game=tyro.MISSING))
    except SystemExit:
        return dataclasses.replace(usual, game=tyro.MISSING)
    return _resolved(kind, named.game, named.policy, named.data)


def _resolved(kind: type[RunConfig], game: str, policy: str, data: str | None = None) -> Any:
    from vulngames.train.config import resolve

    return resolve(kind, game, policy, data=data)


def _config(kind: type[C], command: Any) -> C:
    """The config that a command asks for."""
    from vulngames.train.config import resolve

    return resolve(kind, **{f.name: getattr(command, f.name) for f in dataclasses.fields(kind)})


def _as(cls: type[T], command: Any) -> T:
    """The part of a command that is a config of its own."""
    return cls(**{f.name: getattr(command, f.name) for f in dataclasses.fields(cls)})  # type: ignore[arg-type]


def _print_rows(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        print(json.dumps(row))


def _next(*command: str | Path) -> None:
    """Say what one may want to do now, beside the results, so that these can be piped."""
    print(one_line(f"next: {shlex.join(['vulngames', *map(str, command)])}"), file=sys.stderr)


def _version() -> str:
    from importlib.metadata import version

    return f"vulngames {version('vulngames')}"


def main() -> None:
    """Run a command. A user's mistake and a disk that cannot be written end in one line and exit status 2."""
    warnings.showwarning = _warn  # type: ignore[assignment]
    _open_streams()
    command: Any = None
    try:
        if sys.argv[1:] == ["--version"]:
            print(_version())
        else:
            _widen()
            command = _parse(sys.argv[1:])
            command()
        sys.stdout.flush()
    except UserError as problem:
        sys.exit(_fail(str(problem)))
    except OSError as problem:
        _drop_output()
        if isinstance(problem, BrokenPipeError):
            sys.exit(UNHEARD)
        sys.exit(_fail(f"{problem.filename or 'disk'}: {problem.strerror or problem}"))
    except KeyboardInterrupt:
        goes_on = isinstance(command, Train | Sft | Study)
        sys.exit(_fail(f"interrupted{'; the same command goes on from here' if goes_on else ''}", status=130))


def _widen() -> None:
    """Have help as wide as it can be laid out: at a few columns tyro would not come to an end."""
    if shutil.get_terminal_size().columns < NARROWEST:
        os.environ["COLUMNS"] = str(NARROWEST)


def _open_streams() -> None:
    """Have standard streams that take any text: one that is closed goes nowhere, and what an encoding lacks is
    escaped."""
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            # Or the next file to be opened would be taken for it.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    """Let go of what standard output does not take, so that the interpreter does not complain of it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _warn(message: Warning | str, *_: Any) -> None:
    print(f"vulngames: {one_line(str(message))}", file=sys.stderr)


def _fail(message: str, status: int = FAILED) -> int:
    from vulngames.train.ranks import is_first

    # Of the processes that a launcher starts, one speaks for all.
    if is_first():
        # A message may quote what a model, an endpoint or a file said.
        # Where standard error takes nothing either, the status still says that it failed.
        with suppress(OSError):
            print(f"vulngames: {one_line(message)}", file=sys.stderr)
    return status
