"""From arguments to a command, whose options are the fields of its class."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import tyro
from tyro.conf import arg, subcommand

from vulngames.errors import UserError
from vulngames.options import UNSET
from vulngames.training.config import RunConfig, fill, resolve

_USUAL = ("tampering-v1", "tiny")
"""Whose defaults a help shows that names no game and no policy."""
_HELP = {"-h", "--help"}


def parse(commands: Mapping[str, type[Any]], arguments: Sequence[str]) -> Any:
    """The command that arguments ask for. Of one that is a config the game and the policy that they name fill in what
    they leave out.

    Raises:
        UserError: see `resolve`.
    """
    kind = commands.get(arguments[0]) if arguments else None
    if kind is None:
        return tyro.cli(_any_of(commands), prog="vulngames", args=arguments)
    prog = f"vulngames {arguments[0]}"
    if issubclass(kind, RunConfig):
        return _parse_run(kind, prog, arguments[1:])
    _hint(kind)
    return tyro.cli(kind, prog=prog, args=arguments[1:])


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
    usual = fill(_config_of(kind), *_USUAL, **_own(kind))
    if not _HELP.isdisjoint(arguments):
        # Of a call that names a game tyro would not say that it takes one.
        return _parse_with(kind, prog, ["--help"], _named(kind, prog, arguments, usual))
    command = _parse_with(kind, prog, arguments, usual)
    config = resolve(_config_of(kind), **_given(kind, arguments, command))
    return dataclasses.replace(command, **vars(config))


def _parse_with(kind: type[RunConfig], prog: str, arguments: Sequence[str], defaults: RunConfig) -> Any:
    _hint(kind, " ".join(f"{name} {value}" for name, value in defaults.parameters.items()))
    # A default that is not empty would be taken for all the names there are.
    default = kind(**{**vars(defaults), "game": tyro.MISSING, "parameters": {}})
    return tyro.cli(kind, prog=prog, args=arguments, default=default)


def _named(kind: type[RunConfig], prog: str, arguments: Sequence[str], usual: RunConfig) -> RunConfig:
    """The config that the arguments of a call for help ask for; the usual one where they ask for none that there is."""
    rest = [argument for argument in arguments if argument not in _HELP]
    if not rest:
        return usual
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            command = _parse_with(kind, prog, rest, usual)
        return fill(_config_of(kind), **_given(kind, rest, command))
    except (SystemExit, UserError):
        return usual


def _given(kind: type[RunConfig], arguments: Sequence[str], command: Any) -> dict[str, Any]:
    """Of a command's config what its arguments give, since the defaults of the others depend on it."""
    options = [argument.partition("=")[0] for argument in arguments if argument.startswith("--")]
    flags = {option.removeprefix("--").replace("-", "_") for option in options}
    given = {"game": command.game, "policy": command.policy, **_own(kind)}
    for option in dataclasses.fields(_config_of(kind)):
        if option.name in flags or f"no_{option.name}" in flags:
            given[option.name] = getattr(command, option.name)
    return given


def _config_of(kind: type[RunConfig]) -> type[RunConfig]:
    config: type[RunConfig] = kind.__bases__[0]
    return config


def _own(kind: type[RunConfig]) -> Mapping[str, Any]:
    """What a command has for its defaults instead of its config's."""
    return getattr(kind, "instead", {})
