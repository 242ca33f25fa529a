"""What is counted of the objects of a picture or of a slide."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

# Bins of diameters that are kept, and put together when a histogram is made: tenths of a pixel,
# and twentieths of a micrometer.
PER_PIXEL, PER_MICROMETER = 10, 20


@dataclass(frozen=True)
class Counting:
    """Which objects are counted as what.

    An object is of the kind that its column "kind" says, else of the one that its class is called.

    Attributes:
        main: the kind that is counted and measured; "" where all objects are of one kind.
        others: kinds that are counted against it.
        unsized: classes of objects whose own size is not known, as of clumps.
        rates: (column, name): the share of main objects whose column says 1, and what it is called.
        enough: so many main objects are enough for a report, or for a better one; empty where
            nobody says so.
    """

    main: str = ""
    others: tuple[str, ...] = ()
    unsized: tuple[str, ...] = ()
    enough: tuple[int, ...] = ()
    rates: tuple[tuple[str, str], ...] = ()

    def among(self, class_names: Sequence[str]) -> Self:
        """Without the other kinds where a model knows none of them: nobody has looked for them.

        Args:
            class_names: that the model tells.
        """
        return self if set(self.others) & set(class_names) else replace(self, others=())


class Counted(NamedTuple):
    """An object, as it is counted.

    Attributes:
        kind: see `Counting`; "" for the main one.
        told: what columns such as "class" and "shape" say of it.
        is_cut: it touches the border.
        in_frame: it does not touch the upper or left border.
        area, diameter: pixels.
        pixel_size: micrometers, or None.
        is_sized: its size is that of one whole object.
    """

    kind: str
    told: dict[str, str]
    is_cut: bool
    in_frame: bool
    area: float
    diameter: float
    pixel_size: float | None
    is_sized: bool


@dataclass
class Moments:
    """Number, mean and standard deviation of values that are not kept.

    Attributes:
        count, mean: of the values.
        squares: sum of the squared differences from the mean.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def add(self, value: float) -> None:
        """Take one more value."""
        self.count += 1
        difference = value - self.mean
        self.mean += difference / self.count
        self.squares += difference * (value - self.mean)

    def merge(self, other: "Moments") -> None:
        """Take the values of another one as well (Chan et al., 1979)."""
        count = self.count + other.count
        if not count:
            return
        difference = other.mean - self.mean
        self.squares += other.squares + difference**2 * self.count * other.count / count
        self.mean += difference * other.count / count
        self.count = count

    @property
    def deviation(self) -> float:
        """The standard deviation; NaN of fewer than two values."""
        return math.sqrt(self.squares / (self.count - 1)) if self.count > 1 else math.nan

    @property
    def variation(self) -> float:
        """The standard deviation over the mean."""
        return self.deviation / self.mean if self.count > 1 else math.nan


@dataclass
class Tally:
    """Counts of the objects of one picture or of several; memory does not grow with them.

    Attributes:
        whole, cut: main objects that do not touch the border, and that do.
        frame: of each kind, those that touch neither the upper nor the left border.
        kinds: of each kind, whole ones.
        told: by column and value, whole main objects.
        diameter_px, area_px2, diameter_um, area_um2: of the main objects that are sized.
        bins_px, bins_um: diameters of these, see `PER_PIXEL`.
        frames: the count of main objects in the frame of each picture.
        sizes: (height, width) of each picture.
        pixels_um2: area of each picture in square micrometers; None where that is not known.
    """

    whole: int = 0
    cut: int = 0
    frame: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    told: dict[str, Counter[str]] = field(default_factory=dict)
    diameter_px: Moments = field(default_factory=Moments)
    area_px2: Moments = field(default_factory=Moments)
    diameter_um: Moments = field(default_factory=Moments)
    area_um2: Moments = field(default_factory=Moments)
    bins_px: Counter[int] = field(default_factory=Counter)
    bins_um: Counter[int] = field(default_factory=Counter)
    frames: list[int] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    pixels_um2: list[float | None] = field(default_factory=list)

    def begin(self, size: tuple[int, int], pixel_size: float | None) -> None:
        """The next objects are those of another picture.

        Args:
            size: (height, width) in pixels.
            pixel_size: micrometers, or None.
        """
        self.frames.append(0)
        self.sizes.append(size)
        area = None if pixel_size is None else size[0] * size[1] * pixel_size**2
        self.pixels_um2.append(area)

    def add(self, counted: Counted) -> None:
        """Count an object of the picture that was begun last."""
        is_main = not counted.kind
        if counted.in_frame:
            self.frame[counted.kind] += 1
            self.frames[-1] += is_main
        if counted.is_cut:
            self.cut += is_main
            return
        self.kinds[counted.kind] += 1
        if not is_main:
            return
        self.whole += 1
        for column, value in counted.told.items():
            if value:
                self.told.setdefault(column, Counter())[value] += 1
        if counted.is_sized:
            self._measure(counted)

    def _measure(self, counted: Counted) -> None:
        self.diameter_px.add(counted.diameter)
        self.area_px2.add(counted.area)
        self.bins_px[int(counted.diameter * PER_PIXEL)] += 1
        size = counted.pixel_size
        if size is not None:
            self.diameter_um.add(counted.diameter * size)
            self.area_um2.add(counted.area * size**2)
            self.bins_um[int(counted.diameter * size * PER_MICROMETER)] += 1

    def merge(self, other: "Tally") -> None:
        """Count the pictures of another one as well."""
        self.whole += other.whole
        self.cut += other.cut
        self.frame.update(other.frame)
        self.kinds.update(other.kinds)
        self.bins_px.update(other.bins_px)
        self.bins_um.update(other.bins_um)
        for column, counts in other.told.items():
            self.told.setdefault(column, Counter()).update(counts)
        self.diameter_px.merge(other.diameter_px)
        self.area_px2.merge(other.area_px2)
        self.diameter_um.merge(other.diameter_um)
        self.area_um2.merge(other.area_um2)
        self.frames += other.frames
        self.sizes += other.sizes
        self.pixels_um2 += other.pixels_um2

    @property
    def objects(self) -> int:
        """All main ones."""
        return self.whole + self.cut

    @property
    def is_to_scale(self) -> bool:
        """Whether the size of pixels is known in all pictures."""
        return bool(self.pixels_um2) and None not in self.pixels_um2
