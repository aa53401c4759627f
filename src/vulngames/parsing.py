"""From arguments to a command, whose options are the fields of its class."""

from __future__ import annotations

import dataclasses
import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro
from tyro.conf import arg, subcommand

from vulngames.errors import UserError, choose
from vulngames.options import UNSET
from vulngames.training.config import RunConfig, fill, resolve

_USUAL = ("tampering-v1", "tiny")
"""Whose defaults a help shows that names no game and no policy."""
_HELP = {"-h", "--help"}
_REFUSED = 2
"""The exit status with which tyro refuses arguments."""
_WIDE = 10_000
_QUOTE = "'"
_IN_WORDS = {"INT": "a whole number", "FLOAT": "a number"}


def parse(commands: Mapping[str, type[Any]], arguments: Sequence[str]) -> Any:
    """The command that arguments ask for. Of one that is a config the game and the policy that they name fill in what
    they leave out.

    Raises:
        UserError: they cannot be read as a command; or see `resolve`.
    """
    kind = commands.get(arguments[0]) if arguments else None
    if kind is None:
        if not arguments:
            raise UserError(f"no command is given; valid: {', '.join(commands)}")
        if not arguments[0].startswith("-"):
            choose("command", arguments[0], commands)
        return _cli(_any_of(commands), "vulngames", arguments)
    prog = f"vulngames {arguments[0]}"
    if issubclass(kind, RunConfig):
        return _parse_run(kind, prog, arguments[1:])
    _hint(kind)
    return _cli(kind, prog, arguments[1:])


def _cli(of: Any, prog: str, arguments: Sequence[str], **how: Any) -> Any:
    """What tyro makes of arguments. It says in a box of several lines what it cannot read, where we say it in one."""
    box = io.StringIO()
    try:
        with redirect_stderr(box), _unwrapped(arguments):
            return tyro.cli(of, prog=prog, args=arguments, **how)
    except SystemExit as end:
        if end.code != _REFUSED:
            raise
        raise UserError(_refusal(box.getvalue(), prog, arguments)) from None


@contextmanager
def _unwrapped(arguments: Sequence[str]) -> Iterator[None]:
    """Have what tyro refuses in lines as long as they are; help keeps to the terminal's width."""
    before = os.environ.get("COLUMNS")
    if _HELP.isdisjoint(arguments):
        os.environ["COLUMNS"] = str(_WIDE)
    try:
        yield
    finally:
        os.environ.pop("COLUMNS", None)
        if before is not None:
            os.environ["COLUMNS"] = before


def _refusal(box: str, prog: str, arguments: Sequence[str]) -> str:
    """What a box of tyro's says, in one line: the thing, its value, and what would be valid."""
    lines = [line.strip("│").rstrip() for line in box.splitlines() if line.startswith("│")]
    first = list(takewhile(lambda line: "───" not in line, lines))
    said = " ".join(line.strip() for line in first)
    options = [line.strip() for line in lines[len(first) :] if line.strip().startswith("--")]
    command, more = prog.removeprefix("vulngames "), f"what `{prog} --help` lists"
    if unknown := re.match("Unrecognized options: (.*)", said):
        return f"{command} takes no {unknown[1].replace(', ', ' ')}; valid: {', '.join([*options, more])}"
    if said.startswith("Missing from"):
        # Each is followed by its help, further to the right.
        needed = [line.strip() for line in first if re.match(r" {5}\S", line)]
        return f"{command} needs {', '.join(needed)}; valid: {more}"
    if lacking := re.match("Missing value for argument '(.*?)'", said):
        return f"{command} needs a value for {lacking[1]}; valid: {more}"
    if choice := re.match(r"invalid choice '(.*)' for argument '(.*)'\. Expected one of \((.*)\)", said):
        return f"{choice[2]} = {choice[1]!r}; valid: {choice[3].replace(_QUOTE, '')}"
    if value := re.match("Error parsing (.*?): ", said):
        form = options[0].removeprefix(value[1]).strip() if options else more
        return f"{value[1]} = {_values(value[1], arguments)!r}; valid: {_IN_WORDS.get(form, form)}"
    return f"{said.rstrip('.')}; valid: {more}"


def _values(option: str, arguments: Sequence[str]) -> str:
    """What was given for an option, the last time that it was."""
    given = ""
    for place, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == option:
            rest = takewhile(lambda word: not word.startswith("--"), arguments[place + 1 :])
            given = value or " ".join(rest)
    return given


def _any_of(commands: Mapping[str, type[Any]]) -> Callable[..., Any]:
    """A function of any command: of a bare union tyro reads the source of `typing` for a docstring, which takes it half
    its time."""

    def vulngames(command: Any) -> Any:
        """What will a model learn to exploit in this reward?

        `vulngames --version` prints the version, `vulngames COMMAND --help` the options of a command, and
        `vulngames --tyro-write-completion bash FILE` (or zsh, tcsh) writes shell completion to a file to be sourced."""
        return command

    choices: Any = Union[tuple(Annotated[kind, subcommand(name)] for name, kind in commands.items())]  # noqa: UP007
    vulngames.__annotations__["command"] = Annotated[choices, arg(name="")]
    return vulngames


def _hint(kind: type[Any], parameters: str = "") -> None:
    """Have the help of a command say in words what holds where an option is left out that is None or empty then."""
    types = get_type_hints(kind, include_extras=True)
    for option in dataclasses.fields(kind):
        if UNSET in option.metadata:
            words = parameters if option.name == "parameters" else ""
            hint = _words(words or option.metadata[UNSET])
            bare = _bare(types[option.name])
            kind.__annotations__[option.name] = Annotated[bare, arg(metavar=_metavar(bare), help_behavior_hint=hint)]


def _bare(of: Any) -> Any:
    return get_args(of)[0] if get_origin(of) is Annotated else of


def _words(meaning: str) -> Callable[[str], str]:
    return lambda default: f"(default: {meaning if default in ('', 'None') else default})"


def _metavar(of: Any) -> str | None:
    """As tyro has it of an option that may not be None; None: as tyro has it."""
    names = {int: "INT", float: "FLOAT", str: "STR", Path: "PATH"}
    kind = next(part for part in get_args(of) if part is not type(None))
    if get_origin(kind) is Literal:
        return f"{{{','.join(get_args(kind))}}}"
    if get_origin(kind) is tuple:
        return "[STR [STR ...]]"
    return None if get_origin(of) is dict else names[kind]


def _parse_run(kind: type[RunConfig], prog: str, arguments: Sequence[str]) -> Any:
    usual = fill(config_of(kind), *_USUAL, **_own(kind))
    if not _HELP.isdisjoint(arguments):
        # Of a call that names a game tyro would not say that it takes one.
        return _parse_with(kind, prog, ["--help"], _named(kind, prog, arguments, usual))
    command = _parse_with(kind, prog, arguments, usual)
    config = resolve(config_of(kind), **_given(kind, arguments, command))
    return dataclasses.replace(command, **vars(config))


def _parse_with(kind: type[RunConfig], prog: str, arguments: Sequence[str], defaults: RunConfig) -> Any:
    _hint(kind, " ".join(f"{name} {value}" for name, value in defaults.parameters.items()))
    # A default that is not empty would be taken for all the names there are.
    default = kind(**{**vars(defaults), "game": tyro.MISSING, "parameters": {}})
    return _cli(kind, prog, arguments, default=default)


def _named(kind: type[RunConfig], prog: str, arguments: Sequence[str], usual: RunConfig) -> RunConfig:
    """The config that the arguments of a call for help ask for; the usual one where they ask for none that there is."""
    rest = [argument for argument in arguments if argument not in _HELP]
    if not rest:
        return usual
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            command = _parse_with(kind, prog, rest, usual)
        return fill(config_of(kind), **_given(kind, rest, command))
    except (SystemExit, UserError):
        return usual


def _given(kind: type[RunConfig], arguments: Sequence[str], command: Any) -> dict[str, Any]:
    """Of a command's config what its arguments give, since the defaults of the others depend on it."""
    options = [argument.partition("=")[0] for argument in arguments if argument.startswith("--")]
    flags = {option.removeprefix("--").replace("-", "_") for option in options}
    given = {"game": command.game, "policy": command.policy, **_own(kind)}
    for option in dataclasses.fields(config_of(kind)):
        if option.name in flags or f"no_{option.name}" in flags:
            given[option.name] = getattr(command, option.name)
    return given


def config_of(kind: type[RunConfig]) -> type[RunConfig]:
    """The config that a command is."""
    config: type[RunConfig] = kind.__bases__[0]
    return config


def _own(kind: type[RunConfig]) -> Mapping[str, Any]:
    """What a command has for its defaults instead of its config's."""
    return getattr(kind, "instead", {})
