"""Pictures: image files of any kind, read a region at a time.

`picture` holds the class that all of the package reads from. `reading` opens files: `tiff`,
`zarr_files` and `pillow_files`. `conversion` brings values of any type to 8 bits, `pixel_size`
finds how large a pixel is, `kinds` knows images by their names, `overviews` makes large pictures
small. Nothing here knows a network.
"""

from mrcnn.pictures.kinds import IMAGE_SUFFIXES, images_in, is_zarr, passed_over
from mrcnn.pictures.overviews import overview
from mrcnn.pictures.picture import Level, Picture
from mrcnn.pictures.pixel_size import PixelSize
from mrcnn.pictures.reading import open_picture, read_channels, read_image

__all__ = [
    "IMAGE_SUFFIXES",
    "Level",
    "Picture",
    "PixelSize",
    "images_in",
    "is_zarr",
    "open_picture",
    "overview",
    "passed_over",
    "read_channels",
    "read_image",
]
