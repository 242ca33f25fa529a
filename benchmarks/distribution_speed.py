"""How fast two devices train together, beside two alone, for `benchmarks.distribution`."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.distribution_sides import Side, launch, run_to_the_end, tell_progress
from benchmarks.distribution_turns import Turns, Window

# Crops as the shipped model learned from, as many a device as Config has. With fewer pixels the
# gradients that are sent count for more.
SIDE, IMAGES = 320, 2
ROUNDS, STEPS = 7, 4


@dataclass(frozen=True)
class Round:
    """What both sides reach in a turn each, one right after the other.

    Attributes:
        together, alone: images a second of all processes.
        processor: processor time of an image together, of that alone.
        waited: the share of time in which those together wait for the loader.
    """

    together: float
    alone: float
    processor: float
    waited: float

    @property
    def share(self) -> float:
        """Of what two alone reach."""
        return self.together / self.alone


def round_of(together: Sequence[Window], alone: Sequence[Window]) -> Round:
    """The figures of what the processes of both sides did in a turn each."""
    rates = [sum(each.images / each.seconds for each in side) for side in (together, alone)]
    costs = [
        sum(each.processor for each in side) / sum(each.images for each in side)
        for side in (together, alone)
    ]
    waited = sum(each.waited for each in together) / sum(each.seconds for each in together)
    return Round(*rates, processor=costs[0] / costs[1], waited=waited)


def rounds_of(side: Side) -> list[Round]:
    """Train together and alone in turns; all processes are started once, and live to the end."""
    alone = Side(side.backend, 2, 2)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        turns = Turns(folder, (side.processes, alone.processes), ROUNDS, STEPS)
        options = ("--turns", turns.text, "--side", str(SIDE), "--steps", str(turns.all_steps))
        # A strategy of TensorFlow has its devices in one process, with a thread for each.
        processors = ("{process}",) if side.processes > 1 else ("0", "1")
        tell_progress(f"{side} and two alone begin; the first steps take longest")
        started = [
            *launch(
                *(side, folder / "together"),
                *("--devices", "2", "--batch", str(2 * IMAGES), "--processors", *processors),
                *("--place", "0", "{process}", "--folder", str(folder / "together"), *options),
            ),
            *launch(
                *(alone, folder / "alone"),
                *("--devices", "1", "--batch", str(IMAGES), "--processors", "{process}"),
                *("--place", "1", "{process}", "--folder", str(folder / "alone_{process}")),
                *options,
                together=False,
            ),
        ]
        found: list[Round] = []
        steps = _news(turns, found)
        run_to_the_end(side, started, lambda: next(steps, None))
        next(steps, None)
    return found


def _news(turns: Turns, found: list[Round]) -> Iterator[None]:
    """Adds each round as soon as it is there, and tells of it."""
    while not turns.all_ready():
        yield
    tell_progress("all are ready")
    while len(found) < turns.rounds:
        together, alone = (turns.windows(len(found), side) for side in range(2))
        if together is None or alone is None:
            yield
            continue
        found.append(round_of(together, alone))
        last = found[-1]
        tell_progress(
            f"round {len(found)} of {turns.rounds}: {last.together:.2f} images a second together, "
            f"{last.alone:.2f} alone: {last.share:.3f}"
        )
