"""Trainings that take turns, for `benchmarks.distribution`: two sides begin once, and are measured
in short windows one after the other, so that what else the machine does meets both.

A file in a folder says that a process is ready, or that it has had a turn.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from mrcnn.files import atomic_write

# The first steps of a training compile; the first one of a turn finds batches that were made
# while it waited.
WARM_UP, SETTLE = 3, 1
_PATIENCE = 1800


@dataclass(frozen=True)
class Window:
    """What a process did in a turn, in seconds.

    Attributes:
        images: that it trained on.
        seconds: that passed.
        processor: of its processor time.
        waited: of them, for the loader.
    """

    images: float
    seconds: float
    processor: float
    waited: float


@dataclass(frozen=True)
class Turns:
    """The turns of all sides: each has one in every round.

    Attributes:
        folder: of the files.
        sizes: processes of each side.
        rounds: of turns.
        steps: of a turn, of which all but the first `SETTLE` are measured.
    """

    folder: Path
    sizes: tuple[int, ...]
    rounds: int
    steps: int

    @classmethod
    def of(cls, text: str) -> "Turns":
        """Those of a `text`."""
        folder, sizes, rounds, steps = text.rsplit(":", 3)
        return cls(Path(folder), tuple(map(int, sizes.split(","))), int(rounds), int(steps))

    @property
    def text(self) -> str:
        """For the command line of a process: FOLDER:SIZES:ROUNDS:STEPS, SIZES such as 2,2."""
        return f"{self.folder}:{','.join(map(str, self.sizes))}:{self.rounds}:{self.steps}"

    @property
    def all_steps(self) -> int:
        """Steps of the training of a side."""
        return WARM_UP + self.rounds * (SETTLE + self.steps)

    def all_ready(self) -> bool:
        """Whether all processes have had their first steps."""
        return len(list(self.folder.glob("ready.*"))) == sum(self.sizes)

    def had(self, turn: int) -> bool:
        """Whether all sides have had their turn in a round."""
        return all(self.windows(turn, side) is not None for side in range(len(self.sizes)))

    def windows(self, turn: int, side: int) -> list[Window] | None:
        """What the processes of a side did in a round; None until all of them have done it."""
        paths = list(self.folder.glob(f"turn.{turn}.{side}.*"))
        if len(paths) < self.sizes[side]:
            return None
        return [Window(**json.loads(path.read_text("utf-8"))) for path in paths]


class Participant:
    """A process that waits for its turns.

    Args:
        turns: of all.
        side: of this process.
        process: its number on this side.
        images: of one of its steps.
    """

    def __init__(self, turns: Turns, side: int, process: int, images: float) -> None:
        self.turns, self.side, self.process, self.images = turns, side, process, images
        self._done = 0
        self._before = (0.0, 0.0, 0.0)

    def step(self, waited: float) -> None:
        """Call it at the end of each step.

        Args:
            waited: seconds that the loader kept the training waiting, from the beginning.
        """
        now = (time.perf_counter(), time.process_time(), waited)
        self._done += 1
        turns = self.turns
        turn, place = divmod(self._done - WARM_UP, SETTLE + turns.steps)
        if place == SETTLE:
            self._before = now
        if place or turn < 0:
            return
        if turn == 0:
            self._write("ready", "")
            self._wait(turns.all_ready)
        else:
            spent = (then - before for then, before in zip(now, self._before, strict=True))
            window = Window(self.images * turns.steps, *spent)
            self._write(f"turn.{turn - 1}", json.dumps(asdict(window)))
        # All have had the round before, and nobody ends while another one is measured.
        if turn:
            self._wait(lambda: turns.had(turn - 1))
        if turn < turns.rounds:
            self._wait(
                lambda: all(turns.windows(turn, side) is not None for side in range(self.side))
            )

    def _write(self, what: str, text: str) -> None:
        atomic_write(self.turns.folder / f"{what}.{self.side}.{self.process}", text)

    def _wait(self, come: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not come():
            if time.monotonic() > deadline:
                raise SystemExit(f"The other processes did not come in {_PATIENCE} seconds.")
            time.sleep(0.01)
