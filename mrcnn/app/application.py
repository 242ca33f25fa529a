"""`Application`: the command line for one kind of object."""

import importlib
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from mrcnn import __version__
from mrcnn.app.commands import EXIT_STATUS, commands
from mrcnn.app.messages import messages_shown, names_can_be_printed
from mrcnn.app.missing import remedy
from mrcnn.app.option import Command, Option, build_parser, settings_from
from mrcnn.app.options import options
from mrcnn.app.settings import make_config
from mrcnn.config import Config
from mrcnn.errors import MrcnnError
from mrcnn.report.tally import Counting
from mrcnn.report.words import Words
from mrcnn.weights.places import default_folder, shipped_license, shipped_models

if TYPE_CHECKING:
    from mrcnn.instances import Instances

# A function, or "module:function", which is imported when it is called.
Hook = Callable[..., Any] | str


@dataclass(frozen=True)
class Baseline:
    """A method that needs no network, which a network has to beat.

    Attributes:
        find: (image uint8 [H, W, 3]) -> `Instances` with scores; see `Application` for what else
            it may ask for.
        help: what it is, for the help of `--method`.
        title: its name on pages.
    """

    find: Hook
    help: str
    title: str


class Application:
    """The commands train, evaluate, detect, check, convert and pack for one kind of object.

    The hooks are functions, or strings "module:function", which keep the command line quick. Each
    may have more arguments: `class_names`, of classes 1, 2, ..., and the value of any option that
    the application declares, under the option's name.

    Args:
        name: of models, runs, and of the schema of summaries.
        config: class of the configuration, with CLASS_NAMES; empty for those of the annotations.
        dataset: subclass of `mrcnn.data.annotated.AnnotatedDataset`, or "module:Class".
        refine: (image, instances) -> `Instances`, for a part of an image: moves outlines.
        classify: (instances) -> `Instances`, for the whole of an image: tells classes. Columns
            called "class_id_WAY" hold the class ids by different ways, which `evaluate` compares.
        told: (class names of the network) -> class names, those that `classify` tells of such a
            network; by default the same. `classify` may ask for them as `told_names`.
        measure: (image, instances) -> `Instances` with further columns, which `detect` writes.
        foreground: (image, which may be made smaller) -> bool [H, W], where there certainly is
            something to be found, or None where that cannot be told. `detect` doubts a result that
            leaves much of it out.
        baselines: by the names that `--method` has for them.
        options: further options and commands of the command line.
        words: what objects and images are called.
        demo: (folder) -> None, renders a data set there for a training without one.
        ships_model: whether a model called `name` comes with the project.
        counting: which objects `detect` counts as what.
    """

    def __init__(
        self,
        name: str,
        config: type[Config],
        dataset: type | str,
        refine: Hook | None = None,
        classify: Hook | None = None,
        measure: Hook | None = None,
        baselines: Mapping[str, Baseline] | None = None,
        options: Sequence[Option | Command] | None = None,
        *,
        words: Words | None = None,
        told: Hook | None = None,
        foreground: Hook | None = None,
        demo: Hook | None = None,
        ships_model: bool = False,
        counting: Counting | None = None,
    ) -> None:
        self.name = name
        self.config = config
        self.refine_hook, self.classify_hook, self.measure_hook = refine, classify, measure
        self.baselines = dict(baselines or {})
        self.own_options = [each for each in options or () if isinstance(each, Option)]
        self.own_commands = [each for each in options or () if isinstance(each, Command)]
        self.told_hook, self.foreground_hook = told, foreground
        self.render_demo = demo
        self.ships_model = ships_model
        self.counting = counting or Counting()
        self._dataset = dataset
        self._words = words or Words(program=name)

    # --- What it is called, and where it works -------------------------------------------------

    @property
    def words(self) -> Words:
        """What things are called, the program by the name under which it runs."""
        titles = {name: baseline.title for name, baseline in self.baselines.items()}
        words = replace(self._words, methods={**self._words.methods, **titles})
        script = Path(sys.argv[0])
        if script.stem == self.name:
            words = replace(words, program=script.name if script.suffix == ".py" else script.stem)
        return words

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that the configuration has; empty for those of the annotations."""
        return tuple(getattr(self.config, "CLASS_NAMES", ()))

    @property
    def packed_file(self) -> str:
        """Name of the weights that `pack` writes."""
        return f"{self.name}.h5"

    @property
    def shipped(self) -> list[str]:
        """Names of the models that come with the project, the default one first."""
        if not self.ships_model:
            return []
        others = [name for name in shipped_models() if name.startswith(f"{self.name}-")]
        return [self.name, *others]

    @property
    def schema(self) -> str:
        """Of the summary of an evaluation."""
        return f"{self.name}.evaluation"

    @property
    def default_dataset(self) -> Path:
        """Where a data set is looked for if none is named."""
        return default_folder(f"datasets/{self.name}")

    @property
    def default_logs(self) -> Path:
        """Where the runs are if no folder is named."""
        return default_folder("logs")

    def results(self, command: str) -> Path:
        """Where the results of a command go if no folder is named."""
        return default_folder("results") / command

    @property
    def version(self) -> str:
        """What `--version` says: the release, and under which licenses it stands."""
        text = f"{self.name} {__version__}, MIT license"
        license_line = shipped_license(self.name) if self.ships_model else None
        return f"{text}; default weights: {self.name}, {license_line}" if license_line else text

    # --- What it is made of --------------------------------------------------------------------

    def new_dataset(self) -> Any:
        """An empty `AnnotatedDataset` of the application's class."""
        return loaded(self._dataset)()

    def make_config(self, settings: Mapping[str, Any] | None = None) -> Any:
        """A configuration with some settings otherwise, see `mrcnn.app.settings.make_config`."""
        return make_config(self.config, settings)

    def options(self, command: str | None = None) -> list[Option]:
        """The options of a command; of all by default."""
        return [each for each in options(self) if command is None or command in each.commands]

    def settings_from(self, given: Any) -> dict[str, Any]:
        """The settings of a model that the command line has, of the options that were given."""
        return settings_from(self.options(getattr(given, "command", None)), given)

    def refine(
        self, image: np.ndarray, instances: "Instances", given: Any, **known: Any
    ) -> "Instances":
        """What the application makes of the outlines in a part of an image."""
        return self._changed(self.refine_hook, (image, instances), given, known)

    def classify(self, instances: "Instances", given: Any, **known: Any) -> "Instances":
        """What the application makes of the classes in a whole image."""
        return self._changed(self.classify_hook, (instances,), given, known)

    def told_classes(self, class_names: Sequence[str], given: Any) -> tuple[str, ...]:
        """The classes that `classify` tells of what a network with some classes found.

        Raises:
            ConfigError: options that such a network cannot follow.
        """
        if self.told_hook is None:
            return tuple(class_names)
        return tuple(self._called(loaded(self.told_hook), (class_names,), given, {}))

    def is_counted(self, class_names: Sequence[str]) -> list[bool]:
        """Of which classes the objects are that the application counts, others being a by-catch.

        See `mrcnn.report.tally.Counting`.
        """
        return [name not in self.counting.others for name in class_names]

    def measure(
        self, image: np.ndarray, instances: "Instances", given: Any, **known: Any
    ) -> "Instances":
        """The instances with the columns that the application measures.

        The hook may ask for the `white_level` of a calibrated microscope, or None.
        """
        known.setdefault("white_level", getattr(given, "white_level", None))
        return self._changed(self.measure_hook, (image, instances), given, known)

    def foreground(self, image: np.ndarray, given: Any, **known: Any) -> np.ndarray | None:
        """Where there certainly is something to be found, bool [H, W]; None if nobody can tell."""
        if self.foreground_hook is None:
            return None
        return self._called(loaded(self.foreground_hook), (image,), given, known)

    def baseline(self, name: str, given: Any, **known: Any) -> "Callable[[np.ndarray], Instances]":
        """The function of a method that needs no network, from an image to its instances."""
        find = loaded(self.baselines[name].find)
        return lambda image: self._called(find, (image,), given, known)

    def _changed(self, hook: Hook | None, subject: tuple, given: Any, known: dict) -> "Instances":
        return subject[-1] if hook is None else self._called(loaded(hook), subject, given, known)

    def _called(self, function: Callable, subject: tuple, given: Any, known: dict) -> Any:
        for option in self.own_options:
            known.setdefault(option.name, getattr(given, option.name, option.default))
        wanted = list(inspect.signature(function).parameters)[len(subject) :]
        return function(*subject, **{name: known[name] for name in wanted if name in known})

    # --- The command line ----------------------------------------------------------------------

    def parse(self, arguments: Sequence[str] | None = None) -> Any:
        """The options of a command line; `command` among them is the name of the command.

        Raises:
            SystemExit: help was asked for, or the line cannot be understood.
        """
        words = self.words
        parser = build_parser(
            words.program,
            words(words.description),
            EXIT_STATUS,
            self.version,
            commands(self),
            options(self),
            words,
        )
        return parser.parse_args(arguments)

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run the command line.

        Args:
            arguments: without the program's name; None takes them from the shell.

        Returns:
            exit status: 0 on success, 2 on bad input, 130 when interrupted.
        """
        # Fewer start-up notes of TensorFlow's runtime, which say nothing to a user of a program.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        program = self.words.program
        try:
            given = self.parse(arguments)
        except SystemExit as leaving:
            return int(leaving.code or 0)
        (command,) = (each for each in commands(self) if each.name == given.command)
        try:
            with warnings.catch_warnings(), names_can_be_printed(), messages_shown():
                warnings.showwarning = _shower(program)
                return loaded(command.run)(self, given)
        except (MrcnnError, OSError) as error:
            sys.stdout.flush()
            print(f"{program}: error: {error}", file=sys.stderr)
            return 2
        except ModuleNotFoundError as error:
            said = remedy(error, given.command)
            if said is None:
                raise
            sys.stdout.flush()
            print(f"{program}: error: {said}", file=sys.stderr)
            return 2
        except KeyboardInterrupt as interrupt:
            sys.stdout.flush()
            print(f"{program}: {str(interrupt) or 'interrupted'}", file=sys.stderr)
            return 130


def loaded(hook: Any) -> Any:
    """What a hook names; a string is imported only now."""
    if not isinstance(hook, str):
        return hook
    module, _, name = hook.partition(":")
    return getattr(importlib.import_module(module), name)


def _shower(program: str) -> Callable[..., None]:
    """Shows warnings as a user reads them, without the line of code that gave them."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        print(f"{program}: warning: {message}", file=sys.stderr)

    return show
