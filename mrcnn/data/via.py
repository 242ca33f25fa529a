"""The reader of VIA files under the path that programs know; it is in `mrcnn.formats`."""

from mrcnn.formats.annotations import locate_image
from mrcnn.formats.via import read_via

__all__ = ["locate_image", "read_via"]
