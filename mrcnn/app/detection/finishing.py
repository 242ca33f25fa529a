"""What is left to do of a picture once the network has seen it: all that is written of it."""

import errno
from dataclasses import replace

from mrcnn.app.detection.picture import Finished, PictureWriter
from mrcnn.app.detection.stream import Input, Later, why
from mrcnn.app.finding import Finder
from mrcnn.app.large_pictures import Elsewhere
from mrcnn.app.methods import BaselineFinder
from mrcnn.pictures import open_picture

# There is no use in trying the next picture.
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


def finish(
    writer: PictureWriter,
    finder: Finder | BaselineFinder,
    given: Input,
    seen: Later | None,
    elsewhere: Elsewhere | None = None,
) -> Finished:
    """Write a picture's results, or why it has none.

    Args:
        writer: of the run.
        finder: detects in a large picture, which has not been seen yet.
        given: the picture.
        seen: gives what was found in it.
        elsewhere: looks at a large picture in place of this process.

    Raises:
        OutputError, OSError: there is no room for more.
    """
    try:
        if given.is_large:
            return _large(writer, finder, given, elsewhere)
        if seen is not None:
            return writer.add(given, seen())
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise
        given = replace(given, problem=why(given.path, error))
    return writer.failed(given)


def _large(
    writer: PictureWriter,
    finder: Finder | BaselineFinder,
    given: Input,
    elsewhere: Elsewhere | None,
) -> Finished:
    options = writer.options
    assert not isinstance(finder, BaselineFinder)
    with open_picture(given.path, page=options.page, channels=options.channels) as picture:
        finished = writer.add_large(given, picture, finder, elsewhere)
        return replace(finished, notes=picture.notes)
