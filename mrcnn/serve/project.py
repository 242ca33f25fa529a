"""`Project`: the folder with pictures, what was found in them, corrections and models."""

import shutil
from pathlib import Path

from mrcnn.errors import OutputError
from mrcnn.files import make_writable_folder


class Project:
    """A folder that the page keeps all in.

    Args:
        folder: is made if it is missing.

    Attributes:
        folder: whole path.
        pictures: folder of the image files, and of the VIA file that is written from corrections.
        scratch: folder of what is only needed for a while.

    Raises:
        OutputError: it cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = make_writable_folder(folder.absolute())
        self.pictures = make_writable_folder(self.folder / "pictures")
        self.scratch = self.folder / "scratch"
        try:
            shutil.rmtree(self.scratch, ignore_errors=True)
            self.scratch.mkdir(exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.scratch}: cannot be made ({error.strerror}).") from error
