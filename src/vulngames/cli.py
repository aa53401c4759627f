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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from tyro.conf import Positional, arg

from vulngames.errors import UserError
from vulngames.options import UNSET, optional
from vulngames.parsing import config_of, parse
from vulngames.printable import one_line, print_path, print_warning
from vulngames.selection import Selection
from vulngames.studies.catalogue import ALL, CATALOGUE
from vulngames.studies.plan import Plan
from vulngames.training.config import EvalConfig, SFTConfig, TrainConfig

if TYPE_CHECKING:
    from vulngames.types import Sample

FAILED = 2
UNHEARD = 141
"""As a shell has it of a program that wrote to a pipe whose reader was gone."""
NARROWEST = 20
"""Columns that text is laid out for at least."""
T = TypeVar("T")
if TYPE_CHECKING:
    StudyName = str
else:
    StudyName = Literal[(ALL, *CATALOGUE)]
_GAME_HELP = "The game's id, e.g. tampering-v1; package.module:NAME or FILE.py:NAME of a game or a reward function."
GameId = Positional[Annotated[str, arg(metavar="GAME", help=_GAME_HELP)]]
Dirs = Positional[Annotated[tuple[Path, ...], arg(metavar="DIR [DIR ...]", help_behavior_hint="(required)")]]


@dataclass(frozen=True)
class Games:
    """The games: what is asked for, the hole, what is measured, and the variants that the emergence study trains too. A
    variant is trained by its parameters, e.g. `train self-grading-v1 --parameters stated False`."""

    json: bool = False
    """Print JSON lines instead of a table."""

    def __call__(self) -> None:
        from vulngames.console import games_table
        from vulngames.games import SPECS

        rows = []
        for id, spec in SPECS.items():
            measures = spec.game.measures
            row = {"game": id, "asked for": spec.game.asked, "hole": spec.game.hole}
            row |= {"ITP": measures.itp, "ER": measures.er, "well-formed exploit": measures.well_formed}
            rows.append({**row, "variants": spec.variants_in_words})
        if self.json:
            _print_rows(rows)
        else:
            games_table(rows)
            _next("play", rows[0]["game"])


@dataclass(frozen=True, kw_only=True)
class Play(EvalConfig):
    """Show prompts, what a policy wrote, what the flawed and the patched rule pay, and the verdict."""

    game: GameId

    instead: ClassVar[Mapping[str, Any]] = {"n": 3, "group": 1}

    def __call__(self) -> None:
        from vulngames.console import show_samples
        from vulngames.progress import growing_bar
        from vulngames.training.bars import Bar
        from vulngames.training.evaluate import draw

        with growing_bar("replies") as show:
            game, samples = draw(_as(EvalConfig, self), Bar(show))
        show_samples(game, samples)
        _next("eval", self.game, "--policy", self.policy, *_rows(self.data))


@dataclass(frozen=True, kw_only=True)
class Eval(EvalConfig):
    """Measure a policy in a game: pay, ITP and ER with 95 % intervals, and the paper's own measures.

    The defaults are those of an evaluation in training, for the game and the policy that are named.
    """

    game: GameId
    json: bool = False
    """Print one JSON object instead of a table."""
    out: Path | None = optional("nothing is kept")
    """Also keep every sample in this run directory; the same command then finds them there."""
    print_config: bool = False
    """Print the config that would be used, defaults filled in, as JSON, and do nothing else."""

    def __call__(self) -> None:
        from vulngames import games
        from vulngames.console import show_measures
        from vulngames.measures import measure
        from vulngames.types import measures_of

        config = _as(EvalConfig, self)
        game, samples = games.make(self.game), self._samples(config)
        measured = {"game": game.id, "policy": self.policy, **measure(samples, measures_of(game))}
        if self.json:
            _print_rows([measured])
        else:
            show_measures(game, samples, measured)
        if measured["failed"] == measured["n"]:
            raise UserError(f"no sample could be scored: {samples[0].error}")
        if self.out and self.split == "train":
            _next("sft", self.game, "--exploit", self.out, *_rows(self.data))
        elif self.out:
            _next("show", self.out)

    def _samples(self, config: EvalConfig) -> list[Sample]:
        from vulngames.progress import growing_bar
        from vulngames.training.bars import Bar
        from vulngames.training.evaluate import draw, record
        from vulngames.training.ranks import refuse_ranks

        with growing_bar("replies") as show:
            if self.out is None:
                return draw(config, Bar(show))[1]
            refuse_ranks()
            return record(config, self.out, [Bar(show)]).drawn()


@dataclass(frozen=True)
class Score:
    """Score stored texts again, without sampling."""

    game: GameId
    data: Path
    """ROWS.parquet, with the published schema of the game's data, or ROWS.jsonl."""
    texts: Path
    """TEXTS.jsonl: {"row": i, "texts": [answer, report?], "audited": bool?, "judgement": "HARMFUL"|"NOT_HARMFUL"?}."""
    out: Path
    """OUT.jsonl: the same lines with reward, patched, intended, exploited, evidence, paper, error."""
    judge: str | None = optional("the rule of the synthetic tasks")
    """compliance only: a policy that judges replies whose line holds no judgement."""
    parameters: dict[str, float | bool] = field(default_factory=dict, metadata={UNSET: "the game's own"})
    """Parameters of the game, by name."""
    sandbox: str | None = optional("local")
    """Where the texts are run, in a game that runs code: local, docker:IMAGE or fusion:URL."""

    def __call__(self) -> None:
        from vulngames import environment, games
        from vulngames.files import is_stream
        from vulngames.progress import counted
        from vulngames.rescore import read_texts, rescore, write_scores
        from vulngames.tasks.rows import read_rows

        name = games.name_of(self.game)
        if self.sandbox is not None:
            environment.check_sandbox(name, self.sandbox)
        game = environment.make(name, self.judge, self.parameters, self.sandbox or environment.LOCAL)
        tasks = read_rows(name, self.data)
        texts = read_texts(self.texts, len(tasks))
        write_scores(self.out, counted("texts", rescore(game, tasks, texts), len(texts)))
        if not is_stream(self.out):
            print_path(self.out)


@dataclass(frozen=True, kw_only=True)
class Train(TrainConfig):
    """Train a policy in a game by GRPO. The same command resumes a killed run.

    The defaults depend on the game and the policy that are named (tampering-v1 and tiny if none is): the paper's
    settings, or smaller ones for a policy of the built-in size.
    """

    game: GameId
    out: Path = Path("runs/train")
    """The run directory."""
    print_config: bool = False
    """Print the config that would be used, defaults filled in, as JSON, and do nothing else."""

    def __call__(self) -> None:
        from vulngames.training import run_with_progress

        config = _as(TrainConfig, self)
        run = run_with_progress(config, self.out)
        print_path(run.policy)
        _next("report", self.out)
        _next("show", self.out, "--exploited")


@dataclass(frozen=True, kw_only=True)
class Sft(SFTConfig):
    """Train a policy on transcripts that `eval --split train` has collected: distillation, or repair by example."""

    game: GameId
    out: Path = Path("runs/sft")
    """The run directory."""
    print_config: bool = False
    """Print the config that would be used, defaults filled in, as JSON, and do nothing else."""

    def __call__(self) -> None:
        from vulngames.training import run_with_progress

        config = _as(SFTConfig, self)
        run = run_with_progress(config, self.out)
        distinct = f"{run.about['distinct_transcripts']} of {config.examples} transcripts were distinct"
        print(distinct, file=sys.stderr)
        print_path(run.policy)
        _next("show", self.out, "--exploited")


_QUESTIONS = "\n".join(f"- {entry.name}: {entry.question}" for entry in CATALOGUE.values())
_STUDY = f"""Run a study: arms, controls, seeds. The same command resumes a killed one.

{_QUESTIONS}
- {ALL}: Every one of these; they share trained runs.
"""


@dataclass(frozen=True, kw_only=True)
class Study(Plan):
    __doc__ = _STUDY

    study: Positional[StudyName]
    """Which study."""
    out: Path | None = optional("runs/STUDY")
    """The study's directory."""
    store: Path | None = optional("OUT/runs")
    """Where runs are kept and found, so that studies can share them."""

    def __call__(self) -> None:
        from vulngames.console import show_summary
        from vulngames.studies.study import run_study

        out = self.out or Path("runs") / self.study
        for summary in run_study(self.study, _as(Plan, self), out, self.store):
            show_summary(summary)
            print_path((out / summary.study if self.study == ALL else out) / "summary.json")
        _next("report", out)
        _next("claims", out)


@dataclass(frozen=True, kw_only=True)
class Show(Selection):
    """Read the samples of a run: prompts, completions, what both rules pay, and the verdict."""

    run: Positional[Path]
    """A run directory."""
    n: int | None = optional("5, or all with --json or --html")
    """At most so many samples."""
    random: bool = False
    """Choose them at random, the same ones each time, instead of the first ones."""
    json: bool = False
    """Print JSON lines, as they stand in the run, instead of panels."""
    html: bool = False
    """Write RUN/samples.html, a page to search and filter, of every step unless one is named."""

    def __call__(self) -> None:
        from vulngames.console import show_selected
        from vulngames.runs import load_run
        from vulngames.selection import few, select

        if self.json and self.html:
            raise UserError("both --json and --html are given; valid: one of them")
        run = load_run(self.run)
        selected = select(run, _as(Selection, self), every_step=self.html)
        most = self.n
        if most is None and not (self.json or self.html):
            most = 5
        rows = few(selected.rows, most, self.random)
        if self.html:
            from vulngames.report.browser import write_browser

            print_path(write_browser(run.path / "samples.html", f"{run.path.name}: {selected.title}", rows))
        elif self.json:
            _print_rows(rows)
        else:
            show_selected(selected, rows)


@dataclass(frozen=True)
class Report:
    """Write one self-contained report.html from study or run directories."""

    dirs: Dirs
    """Study directories or run directories."""
    out: Path | None = optional("report.html in the first directory")
    """Where to write."""
    picture: Path | None = optional("not drawn")
    """Also draw ER against steps, one panel per game, to this .png, .svg or .pdf file."""

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

    dirs: Dirs
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
            return print_csv(summaries)
        for summary in summaries:
            print_markdown(summary)


@dataclass(frozen=True)
class Claims:
    """Judge the paper's claims by finished studies: supported, contradicted, inconclusive, or not measurable."""

    dirs: Dirs
    """Directories of finished studies, or of `study all`."""
    all: bool = False
    """Also show the claims that none of these studies tests."""
    json: bool = False
    """Print JSON lines instead of a table: every variant of every claim, with `given` saying whether its study is
    there."""
    out: Path | None = optional("printed only")
    """Also write all of it to this file, as JSON."""

    def __call__(self) -> None:
        from vulngames.claims import elsewhere, ledger, together
        from vulngames.console import show_claims
        from vulngames.files import write_json
        from vulngames.formats import FORMAT

        if not self.dirs:
            raise UserError("no directory given; valid: one or more directories of finished studies")
        judged = ledger(self.dirs)
        rows = [dataclasses.asdict(claim) for claim in judged]
        if self.out is not None:
            write_json(self.out, {"format": FORMAT, "claims": rows})
        if self.json:
            _print_rows(rows)
        else:
            shown = [claim for claim in judged if claim.given or self.all]
            others = "" if self.all else elsewhere(judged)
            show_claims(shown, together(shown), others and f"{others}; --all shows them")


@dataclass(frozen=True)
class SandboxCommand:
    """What confines submitted code on this machine: the tier, its layers, and what each missing one costs."""

    corpus: bool = False
    """Run the attack corpus against it; exit status 1 if an attack that this tier should stop succeeds."""

    def __call__(self) -> None:
        from vulngames.console import show_sandbox

        show_sandbox()
        if self.corpus:
            self._attack()

    def _attack(self) -> None:
        from vulngames.console import show_attacks
        from vulngames.progress import bar
        from vulngames.sandbox import Limits, Sandbox
        from vulngames.sandbox.corpus import VISIBLE_AT_T2, corpus
        from vulngames.sandbox.tier import probe

        attacks, through = list(corpus()), []
        quick = Limits(wall_s=1, cpu_s=1, memory_mb=512, output_kb=64)
        with Sandbox(quick) as sandbox, bar("attacks", len(attacks)) as advance:
            for attack in attacks:
                if attack.succeeds(sandbox):
                    through.append(attack)
                advance(1)
        at_t2 = probe().tier == "T2"
        visible = [attack for attack in through if at_t2 and attack.group == VISIBLE_AT_T2]
        show_attacks(len(attacks), through, visible)
        if len(through) > len(visible):
            sys.exit(1)


COMMANDS: dict[str, type[Any]] = {
    "games": Games,
    "play": Play,
    "eval": Eval,
    "score": Score,
    "train": Train,
    "sft": Sft,
    "study": Study,
    "show": Show,
    "report": Report,
    "table": TableOf,
    "claims": Claims,
    "sandbox": SandboxCommand,
}


def _as(cls: type[T], command: Any) -> T:
    """The part of a command that is a config of its own."""
    return cls(**{option.name: getattr(command, option.name) for option in dataclasses.fields(cls)})  # type: ignore[arg-type]


def _print_config(command: Any) -> None:
    print(json.dumps(dataclasses.asdict(_as(config_of(type(command)), command)), indent=2))


def _print_rows(rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        print(json.dumps(row))


def _next(*command: str | Path) -> None:
    """Say what one may want to do now, beside the results, so that these can be piped."""
    print(one_line(f"next: {shlex.join(['vulngames', *map(str, command)])}"), file=sys.stderr)


def _rows(data: str | None) -> tuple[str, ...]:
    return () if data is None else ("--data", data)


def _version() -> str:
    from importlib.metadata import version

    return f"vulngames {version('vulngames')}"


def main() -> None:
    """Run a command. A user's mistake and a disk that cannot be written end in one line and exit status 2."""
    warnings.showwarning = print_warning  # type: ignore[assignment]
    _open_streams()
    command: Any = None
    try:
        if sys.argv[1:] == ["--version"]:
            print(_version())
        else:
            _widen()
            command = parse(COMMANDS, sys.argv[1:])
            if getattr(command, "print_config", False):
                _print_config(command)
            else:
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


def _fail(message: str, status: int = FAILED) -> int:
    from vulngames.training.ranks import is_first

    # Of the processes that a launcher starts, one speaks for all.
    if is_first():
        # A message may quote what a model, an endpoint or a file said.
        # Where standard error takes nothing either, the status still says that it failed.
        with suppress(OSError):
            print(f"vulngames: {one_line(message)}", file=sys.stderr)
    return status
