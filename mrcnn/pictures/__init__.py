"""Pictures: image files of any kind, read a region at a time.

`picture` holds the class that all of the package reads from, `reading` opens files, `conversion`
brings any samples to 8-bit RGB, and `pixel_size` finds how large a pixel is. Nothing here knows a
network.
"""

from mrcnn.pictures.picture import Level, Picture
from mrcnn.pictures.pixel_size import PixelSize
from mrcnn.pictures.reading import open_picture, read_image

__all__ = ["Level", "Picture", "PixelSize", "open_picture", "read_image"]
