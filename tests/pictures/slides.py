"""Slides as scanners write them, made by hand."""

import io
import struct

import numpy as np
import tifffile
from PIL import Image

APERIO = "Aperio Image Library v10.0.50\n{}x{} [0,0 {}x{}] (128x128) JPEG/RGB Q=70|AppMag = 40"


def colors(height, width, seed=0):
    """uint8 RGB, smooth enough for JPEG and different everywhere."""
    y, x = np.mgrid[:height, :width] / 8.0
    waves = [np.sin(x + seed), np.cos(y - x / 3 + seed), np.sin(x / 2 + y)]
    return np.uint8(127 + 100 * np.stack(waves, axis=-1))


def save_svs(path, pixels, **options):
    """A slide by Aperio: levels, and a thumbnail, a label and an overview between and behind."""
    height, width = pixels.shape[:2]
    said = APERIO.format(width, height, width, height) + "|MPP = 0.2520|Left = 1.0"
    short = "Aperio Image Library v10.0.50\n"
    with tifffile.TiffWriter(path, bigtiff=options.pop("bigtiff", False)) as writer:

        def write(pixels, description, **more):
            pixels = np.ascontiguousarray(pixels)
            settings = {"photometric": "rgb", "metadata": None, **more}
            writer.write(pixels, description=description, **settings)

        write(pixels, said, tile=(128, 128), **options)
        write(np.full((50, 60, 3), 1), f"{short}{width}x{height} -> 60x50 - |AppMag = 40")
        write(pixels[::4, ::4], said, tile=(128, 128), **options)
        write(np.full((40, 30, 3), 2), f"{short}label 30x40", subfiletype=1)
        write(np.full((40, 90, 3), 3), f"{short}macro 90x40", subfiletype=9)
    return path


def save_ndpi(path, levels):
    """A slide by Hamamatsu: each level one JPEG with restart marks, and a macro image.

    Args:
        path: with the suffix .ndpi.
        levels: uint8 RGB, of sides that divide by 32.

    Returns:
        the levels as a JPEG decoder reads them.
    """
    content = bytearray(b"II*\0" + bytes(8))
    link, seen = 4, []
    images = [(level, 20.0 / 2**number) for number, level in enumerate(levels)]
    for pixels, magnification in [*images, (np.full((32, 64, 3), 9, np.uint8), -1.0)]:
        file = io.BytesIO()
        options = {"quality": 95, "subsampling": 0, "restart_marker_blocks": 4}
        Image.fromarray(np.ascontiguousarray(pixels)).save(file, "JPEG", **options)
        jpeg = file.getvalue()
        seen.append(np.asarray(Image.open(file)))
        scan = jpeg.index(b"\xff\xda")
        first = scan + 2 + int.from_bytes(jpeg[scan + 2 : scan + 4], "big")
        starts = [first]
        starts += [
            at + 2
            for at in range(first, len(jpeg) - 1)
            if jpeg[at] == 0xFF and 0xD0 <= jpeg[at + 1] <= 0xD7
        ]
        at = len(content)
        content += jpeg
        starts_at = len(content)
        content += np.array(starts, "<u4").tobytes()
        maker_at = len(content)
        content += b"Hamamatsu\0"
        resolution_at = len(content)
        content += struct.pack("<II", int(magnification * 2000) if magnification > 0 else 1, 1)
        height, width = pixels.shape[:2]
        bits_at = len(content)
        content += struct.pack("<HHH", 8, 8, 8)
        entries = [
            (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits_at), (259, 3, 1, 7),
            (262, 3, 1, 6), (271, 2, 10, maker_at), (273, 4, 1, at), (277, 3, 1, 3),
            (278, 4, 1, height), (279, 4, 1, len(jpeg)), (282, 5, 1, resolution_at),
            (283, 5, 1, resolution_at), (284, 3, 1, 1), (296, 3, 1, 3), (65420, 4, 1, 1),
            (65421, 11, 1, struct.unpack("<I", struct.pack("<f", magnification))[0]),
            (65426, 4, len(starts), starts_at if len(starts) > 1 else starts[0]),
        ]  # fmt: skip
        content += bytes(-len(content) % 8)
        struct.pack_into("<Q", content, link, len(content))
        content += struct.pack("<H", len(entries))
        for entry in entries:
            content += struct.pack("<HHII", *entry)
        link = len(content)
        content += bytes(8 + 4 * len(entries))
    path.write_bytes(content)
    return seen[:-1]
