"""An endless sequence of images in which each source of a dataset has its share."""

import functools
from collections.abc import Callable

import numpy as np

from mrcnn.data.class_sampling import RepeatedOrder
from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError

# So many images have the shares, to a whole image.
_BLOCK = 1000


class SharedOrder:
    """The sequence. Without factors each image of a source is as frequent as any other.

    What comes at a place depends on the generators alone, not on what was asked for before.

    Args:
        dataset: prepared; its `shares` count.
        factors: how often each image of a source comes, in comparison; None for all equally often.
        generator: gives the generator of a key of two numbers, always the same one.

    Raises:
        DataError: the shares are not of sources with images, or do not sum to 1.
    """

    def __init__(
        self,
        dataset: Dataset,
        generator: Callable[[int, int], np.random.Generator],
        factors: np.ndarray | None = None,
    ) -> None:
        self._generator = generator
        self._images = [dataset.images_of(source) for source in dataset.shares]
        self._repeated: list[RepeatedOrder] = []
        if factors is not None:
            self._repeated = [
                RepeatedOrder(images, factors[images], functools.partial(generator, 1 + source))
                for source, images in enumerate(self._images)
            ]
        shares = np.array(list(dataset.shares.values()), float)
        empty = [
            source for source, ids in zip(dataset.shares, self._images, strict=True) if not len(ids)
        ]
        if empty or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6:
            raise DataError(
                f"Dataset.shares are {dict(dataset.shares)}: expected is for each source with "
                "images its share, together 1."
            )
        # By the largest remainders.
        counts = np.floor(shares * _BLOCK).astype(int)
        order = np.argsort(counts - shares * _BLOCK, kind="stable")
        counts[order[: _BLOCK - counts.sum()]] += 1
        self._counts = counts
        self._block = functools.lru_cache(maxsize=4)(self._make_block)
        self._pass = functools.lru_cache(maxsize=4 * len(shares))(self._make_pass)

    def image_at(self, number: int) -> int:
        """The image at a place of the sequence, counted from 0."""
        block, place = divmod(number, _BLOCK)
        sources, earlier = self._block(block)
        source = int(sources[place])
        count = block * int(self._counts[source]) + int(earlier[place])
        if self._repeated:
            return self._repeated[source].image_at(count)
        one_pass, position = divmod(count, len(self._images[source]))
        return int(self._pass(source, one_pass)[position])

    def _make_block(self, block: int) -> tuple[np.ndarray, np.ndarray]:
        """The sources in a block, and how many of the same source come before each in it."""
        sources = np.repeat(np.arange(len(self._counts)), self._counts)
        sources = self._generator(0, block).permutation(sources)
        earlier = np.zeros(_BLOCK, int)
        for source in range(len(self._counts)):
            own = sources == source
            earlier[own] = np.arange(np.count_nonzero(own))
        return sources, earlier

    def _make_pass(self, source: int, one_pass: int) -> np.ndarray:
        """The images of a source in the order of a pass through them."""
        return self._generator(1 + source, one_pass).permutation(self._images[source])
