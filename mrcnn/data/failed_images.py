"""Images for which the methods of a client's dataset fail, and what a training makes of them."""

import threading
import traceback
import warnings
from typing import Any

from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError, MrcnnError, listed

# So many different images are left out, as in the original; a dataset with more is wrong itself.
MOST_LEFT_OUT = 5
# What a client writes, and other methods call.
_CLIENTS_OWN = ("load_image", "load_mask", "load_polygons", "load_boxes", "image_shape")


class FailedImage(Exception):
    """A method of a dataset raised an error that is none of this package's.

    Attributes:
        image_id: number of the image in the dataset.
        name: what it is called in messages.
        problem: the method and its error, in a line.
        error: what was raised.
    """

    def __init__(self, dataset: Dataset, image_id: int, method: str, error: Exception) -> None:
        self.image_id = int(image_id)
        self.name = image_name(dataset, image_id)
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        self.problem = f"{method} of {type(dataset).__name__} raised {text}"
        self.error = error
        super().__init__(f"{self.name}: {self.problem}")


def asked(dataset: Dataset, method: str, image_id: int) -> Any:
    """What a method of a dataset gives for an image.

    Raises:
        FailedImage: it raised what is neither of this package nor a lack of memory.
    """
    try:
        return getattr(dataset, method)(image_id)
    except (MrcnnError, MemoryError):
        raise
    except Exception as error:  # whatever a client's method runs into
        raise FailedImage(dataset, image_id, method, error) from error


def needed(dataset: Dataset, method: str, image_id: int) -> Any:
    """What a method of a dataset gives for an image that nothing can take the place of.

    Raises:
        DataError: it raised what is neither of this package nor a lack of memory; with the name
            of the image and of the method that the dataset has of its own.
    """
    try:
        return asked(dataset, method, image_id)
    except FailedImage as failed:
        steps = traceback.walk_tb(failed.error.__traceback__)
        names = [frame.f_code.co_name for frame, _ in steps]
        own = next((name for name in names if name in _CLIENTS_OWN), method)
        told = FailedImage(dataset, image_id, own, failed.error)
        raise DataError(f"{told}. {_remedy(told)}") from failed.error


class FailedImages:
    """The images that are left out so far. May be used by several threads."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._lock = threading.Lock()

    def leave_out(self, failed: FailedImage) -> None:
        """Warn of an image, once.

        Raises:
            DataError: there are too many; then this is so for each of them from now on, as a batch
                that was made ahead may never be asked for.
        """
        with self._lock:
            is_known = failed.image_id in self._names
            self._names[failed.image_id] = failed.name
            count = len(self._names)
        if count > MOST_LEFT_OUT:
            raise DataError(
                f"{failed}. {count} images fail, and at most {MOST_LEFT_OUT} are left out: "
                f"{listed(list(self._names.values()))}. {_remedy(failed)}"
            ) from failed.error
        if is_known:
            return
        warnings.warn(
            f"{failed}. It is left out, and another image takes its place. {_remedy(failed)} "
            f"After {MOST_LEFT_OUT} such images the training stops.",
            stacklevel=2,
        )


def image_name(dataset: Dataset, image_id: int) -> str:
    """What to call an image in a message: by its path, or by its source's id."""
    info = dataset.image_info[image_id]
    return f"Image {info.get('path') or info['id']}"


def _remedy(failed: FailedImage) -> str:
    if isinstance(failed.error, IndexError) and failed.problem.startswith("load_mask "):
        return (
            "An outline that reaches the border (x = width) has pixels outside of the image; "
            "skimage.draw.polygon(y, x, mask.shape[:2]) leaves them out."
        )
    return "Correct the method, or the annotation of the image."
