"""`Option` and `Command`: what the command line has, each declared once.

The parser, the settings of a model and what a run keeps for its continuation all come from these.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from mrcnn.report.words import Words


@dataclass(frozen=True)
class Group:
    """Options that stand together in the help of a command."""

    title: str
    description: str | None = None


@dataclass(frozen=True)
class Stored:
    """That a run keeps the option, so that `--weights last` goes on with it.

    Attributes:
        default: for a new training.
        kinds: what the value may be in a JSON file.
    """

    default: Any
    kinds: tuple[type, ...]


@dataclass(frozen=True)
class Option:
    """One option of one or more commands.

    What was not given on the command line is None, unless there is a `default`.

    Attributes:
        flag: "--image-size"; a word without hyphens is a positional argument.
        commands: names of the commands that have it.
        help: text; its braces are filled by the words of the application.
        type: makes the value of a text, or raises `argparse.ArgumentTypeError`.
        default: where the option is not given.
        metavar: what stands for the value in the help.
        nargs: as of argparse.
        action: as of argparse, for values that are more than one attribute.
        choices: the values that there are.
        is_flag: it has no value; given, it is True.
        has_opposite: a flag that there is with `--no-` as well, which makes it False; where
            neither is given it is the default.
        group: with which it stands in the help.
        sets: names of the settings of a model that take the value, or a function from the value to
            settings.
        priority: of two options that set the same setting, the higher one counts.
        stored: whether and how a run keeps it.
        reported: where the summary of an evaluation has it: "detections" says how outlines were
            made, "classes" how classes were told.
    """

    flag: str
    commands: tuple[str, ...]
    help: str | None = None
    type: Callable[[str], Any] | None = None
    default: Any = None
    metavar: str | tuple[str, ...] | None = None
    nargs: str | int | None = None
    action: Any = None
    choices: tuple[str, ...] | None = None
    is_flag: bool = False
    has_opposite: bool = False
    group: Group | None = None
    sets: tuple[str, ...] | Callable[[Any], Mapping[str, Any]] = ()
    priority: int = 0
    stored: Stored | None = None
    reported: str | None = None

    @property
    def name(self) -> str:
        """Of the attribute that holds the value: "image_size"."""
        return self.flag.lstrip("-").replace("-", "_")

    def add_to(self, parser: argparse._ActionsContainer, words: Words) -> None:
        """Declare it to a parser, or to a group of one."""
        said: dict[str, Any] = {
            "type": self.type,
            "default": self.default,
            "metavar": self.metavar,
            "nargs": self.nargs,
            "choices": self.choices,
            "help": self.help and words(self.help),
            "action": self._action(),
        }
        # A flag that is not given is False to argparse, but for it nothing was said.
        optional = {"default"} if self.is_flag else set()
        parser.add_argument(
            self.flag,
            **{key: value for key, value in said.items() if value is not None or key in optional},
        )

    def _action(self) -> Any:
        if self.has_opposite:
            return argparse.BooleanOptionalAction
        return "store_true" if self.is_flag else self.action

    def settings(self, value: Any) -> Mapping[str, Any]:
        """The settings of a model that a value makes."""
        if callable(self.sets):
            return self.sets(value)
        return dict.fromkeys(self.sets, value)


@dataclass(frozen=True)
class Command:
    """One command of a program.

    Attributes:
        name: the word that calls it.
        run: "module:function", imported when the command is called; the function takes the
            application and the options, and returns an exit status.
        help: one line in the list of commands; its braces are filled, as those of all texts.
        description: stands above the options.
        epilog: stands below them.
    """

    name: str
    run: str
    help: str
    description: str
    epilog: str


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are not led by the twenty lines of all options."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n`{self.prog} --help` tells more.\n")


def build_parser(
    program: str,
    description: str,
    epilog: str,
    version: str,
    commands: Iterable[Command],
    options: Iterable[Option],
    words: Words,
) -> argparse.ArgumentParser:
    """The parser; the parsed options name the command in `command`."""
    options = list(options)
    parser = _Parser(prog=program, description=description, epilog=epilog)
    parser.add_argument("--version", action="version", version=version)
    parsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in commands:
        sub = parsers.add_parser(
            command.name,
            help=words(command.help),
            description=words(command.description),
            epilog=words(command.epilog),
        )
        groups: dict[Group, argparse._ArgumentGroup] = {}
        for option in options:
            if command.name not in option.commands:
                continue
            place: argparse._ActionsContainer = sub
            if option.group is not None:
                if option.group not in groups:
                    group = option.group
                    groups[group] = sub.add_argument_group(group.title, group.description)
                place = groups[option.group]
            option.add_to(place, words)
        sub.set_defaults(command=command.name)
    return parser


def settings_from(options: Iterable[Option], given: Any) -> dict[str, Any]:
    """The settings of a model that were given; what was not given is not in the result.

    Args:
        options: declared ones.
        given: parsed options, which may lack some.
    """
    settings: dict[str, Any] = {}
    for option in sorted(options, key=lambda option: option.priority):
        value = getattr(given, option.name, None)
        if value is not None:
            settings.update(option.settings(value))
    return settings


def stored_value(value: Any) -> Any:
    """A value as a run keeps it: a path holds from every folder."""
    if isinstance(value, list):
        return [stored_value(each) for each in value]
    return str(value.resolve()) if isinstance(value, Path) else value
