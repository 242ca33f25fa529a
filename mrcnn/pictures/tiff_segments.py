"""Strips and tiles of a TIFF page as arrays of samples, by all tags that say how they are kept."""

import functools
import io
import lzma
import struct
import threading
import zlib
from typing import Any

import numpy as np
from PIL import Image

from mrcnn.pictures.explaining import Unreadable

RAW, OLD_JPEG, JPEG = 1, 6, 7  # values of the tag Compression
_CCITT, _LZW = (2, 3, 4), 5
_DEFLATE = (8, 32946)
_LZMA, _ZSTD = 34925, 50000
_IMAGES = (33003, 33005, 34712, 34933, 50001)  # JPEG 2000, PNG, WebP
_YCBCR_JPEG_2000 = 33003
YCBCR = 6  # of the tag PhotometricInterpretation
_HORIZONTAL, _FLOATING = 2, 3  # predictors
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}  # of the tag SampleFormat; 4 is undefined
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)).reshape(-1, 8)[:, ::-1])
# A file has one place at a time where it is read, and pictures may be read by several threads.
_READING = threading.Lock()
# Of a strip or tile once it is decoded.
MOST_BYTES = 2**31
_T4_OPTIONS, _T6_OPTIONS = 292, 293


def whole_bytes(page: Any) -> bool:
    """Whether the samples of a page are as long as numbers of NumPy."""
    return page.bitspersample in ((16, 32, 64) if page.sampleformat == 3 else (8, 16, 32, 64))


def sample_type(page: Any) -> np.dtype:
    """The type of a page's samples once they are read.

    Raises:
        Unreadable: they are no numbers that can be read. The text is the reason.
    """
    kind, bits = _KINDS.get(page.sampleformat), page.bitspersample
    for name in ("BitsPerSample", "SampleFormat"):
        tag = page.tags.get(name)
        if tag is not None and isinstance(tag.value, tuple) and len(set(tag.value)) > 1:
            raise Unreadable(f"its channels differ in {name}: {tag.value}")
    if kind is None:
        raise Unreadable("its samples are complex numbers")
    if whole_bytes(page):
        return np.dtype(f"{kind}{bits // 8}")
    if kind != "u" or not 0 < bits < 32:
        raise Unreadable(
            f"its samples are numbers of {bits} bits of the kind {page.sampleformat} (SampleFormat)"
        )
    return np.dtype(np.uint8 if bits < 8 else np.uint16 if bits < 16 else np.uint32)


class Segments:
    """The strips or tiles of one page.

    Args:
        page: a page of tifffile.
        shift: bytes between the page's data and those that are meant, for further planes of a
            stack that has tags for the first one only.

    Attributes:
        height, width: of a segment; the last ones may reach beyond the page.
        samples: of a pixel in a segment.
        row_bytes: of a row of a segment.
        is_raw: whether rows can be read alone.

    Raises:
        Unreadable: it cannot be read; the text is the reason.
    """

    def __init__(self, page: Any, shift: int = 0):
        self.page, self.shift = page, shift
        self.dtype = sample_type(page)
        self.is_separate = page.planarconfig == 2 and page.samplesperpixel > 1
        self.samples = 1 if self.is_separate else page.samplesperpixel
        if page.is_tiled:
            self.height, self.width = page.tilelength, page.tilewidth
        else:
            self.height = min(page.rowsperstrip or page.imagelength, page.imagelength)
            self.width = page.imagewidth
        if 0 in (self.height, self.width, page.imagelength, page.imagewidth):
            raise Unreadable("it has no pixels")
        self.down = -(-page.imagelength // self.height)
        self.across = -(-page.imagewidth // self.width)
        self.is_raw = page.compression == RAW and page.predictor == 1
        self.row_bytes = -(-self.width * self.samples * page.bitspersample // 8)
        self._decompress = _decompressor(self)
        if page.imagedepth > 1:
            raise Unreadable(f"it is a volume of {page.imagedepth} planes in one page")
        if page.predictor not in (1, _HORIZONTAL, _FLOATING):
            raise Unreadable(f"its predictor is of an unknown kind ({page.predictor})")
        if page.predictor != 1 and not whole_bytes(page):
            raise Unreadable(f"its predictor does not go with {page.bitspersample} bits")

    def rows_of(self, index: int) -> int:
        """Rows that the file has of a segment."""
        if self.page.is_tiled:
            return self.height
        down = index // self.across % self.down
        return min(self.height, self.page.imagelength - down * self.height)

    def read(self, index: int, first: int = 0, last: int | None = None) -> np.ndarray:
        """Decode a segment.

        Args:
            index: its number.
            first, last: rows of it, which have to be all unless the segments are raw.

        Returns:
            [rows, width, samples] in the machine's byte order, `dtype`.

        Raises:
            ValueError: it is cut short or damaged.
        """
        page, rows = self.page, self.rows_of(index)
        last = rows if last is None else last
        offsets, counts = page.dataoffsets, page.databytecounts
        if index >= min(len(offsets), len(counts)):
            raise Unreadable("it is damaged or cut short (a strip or tile is missing)")
        offset, count = offsets[index] + self.shift, counts[index]
        if not self.is_raw and rows * self.row_bytes > MOST_BYTES:
            raise Unreadable("a strip or tile of it is too large to be decoded as a whole")
        if count == 0:
            # Left out by programs that save what is empty.
            return np.zeros((last - first, self.width, self.samples), self.dtype)
        if self.is_raw:
            offset, count = offset + first * self.row_bytes, (last - first) * self.row_bytes
        data = self._bytes(offset, count)
        if page.fillorder == 2:
            data = _REVERSED[np.frombuffer(data, np.uint8)].tobytes()
        try:
            found = self._decompress(data, rows) if self._decompress else data
        except Image.UnidentifiedImageError:
            raise Unreadable("a strip or tile of it cannot be decoded") from None
        if isinstance(found, np.ndarray):
            return self._fitted(found, rows)
        return self._unpacked(found, last - first)

    def _bytes(self, offset: int, count: int) -> bytes:
        handle = self.page.parent.filehandle
        if offset + count > handle.size:
            raise Unreadable("it is damaged or cut short (a strip or tile ends early)")
        with _READING:
            # Planes of OME-TIFF may stand in further files, which tifffile leaves closed.
            was_closed = handle.closed
            if was_closed:
                handle.open()
            try:
                handle.seek(offset)
                return handle.read(count)
            finally:
                if was_closed:
                    handle.close()

    def _fitted(self, pixels: np.ndarray, rows: int) -> np.ndarray:
        """Of an image in the file, which may be smaller than its tile at the edge."""
        if self.page.predictor != 1 and not decodes_colors(self.page):
            raise Unreadable("its predictor does not go with its compression")
        pixels = np.atleast_3d(pixels)[:rows, : self.width]
        if pixels.shape[2] != self.samples:
            raise Unreadable(f"a strip or tile has {pixels.shape[2]} channels, not {self.samples}")
        if pixels.shape[:2] == (rows, self.width):
            return pixels
        full = np.zeros((rows, self.width, self.samples), pixels.dtype)
        full[: pixels.shape[0], : pixels.shape[1]] = pixels
        return full

    def _unpacked(self, data: bytes, rows: int) -> np.ndarray:
        if len(data) < rows * self.row_bytes:
            raise Unreadable("it is damaged or cut short (a strip or tile has too few samples)")
        table = np.frombuffer(data, np.uint8, rows * self.row_bytes).reshape(rows, -1)
        shape = rows, self.width, self.samples
        if not whole_bytes(self.page):
            return _of_bits(table, self.page.bitspersample, shape).astype(self.dtype)
        if self.page.predictor == _FLOATING:
            return _without_floating_predictor(table, shape, self.dtype)
        stored = self.dtype.newbyteorder(self.page.parent.byteorder)
        values = table.view(stored).reshape(shape).astype(self.dtype)
        if self.page.predictor == _HORIZONTAL:
            unsigned = np.dtype(f"u{self.dtype.itemsize}")
            sums = np.cumsum(values.view(unsigned), axis=1, dtype=unsigned)
            values = sums.view(self.dtype)
        return values


def _of_bits(table: np.ndarray, bits: int, shape: tuple[int, int, int]) -> np.ndarray:
    """Unsigned numbers of any count of bits; each row begins with a byte."""
    rows, width, samples = shape
    single = np.unpackbits(table, axis=1)[:, : width * samples * bits]
    numbers = np.zeros((rows, width * samples), np.uint32)
    for bit in range(bits):
        numbers = numbers << 1 | single[:, bit::bits]
    return numbers.reshape(shape)


def _without_floating_predictor(
    table: np.ndarray, shape: tuple[int, int, int], dtype: np.dtype
) -> np.ndarray:
    """Rows keep the first bytes of all samples, then the second ones, as differences."""
    rows, _, samples = shape
    steps = table.reshape(rows, -1, samples)
    planes = np.cumsum(steps, axis=1, dtype=np.uint8).reshape(rows, dtype.itemsize, -1)
    values = np.ascontiguousarray(planes.transpose(0, 2, 1)).view(dtype.newbyteorder(">"))
    return values.reshape(shape).astype(dtype)


def _decompressor(segments: Segments) -> Any:
    """A function of a segment's data and rows, which gives bytes or an array; None of raw data.

    What Pillow knows it decodes, also where tifffile could: so the pixels do not depend on what
    else is installed.
    """
    page = segments.page
    compression = page.compression
    if compression == RAW:
        return None
    if compression in _DEFLATE:
        return lambda data, rows: zlib.decompressobj().decompress(data, rows * segments.row_bytes)
    if compression == _LZMA:
        return lambda data, rows: lzma.LZMADecompressor().decompress(
            data, max_length=rows * segments.row_bytes
        )
    if compression in (_LZW, _ZSTD, *_CCITT):
        return functools.partial(_bytes_by_pillow, segments)
    if compression == JPEG and page.bitspersample == 8:
        return functools.partial(_jpeg, page)
    if compression in _IMAGES and page.bitspersample == 8:
        return functools.partial(_image, page)
    return _decompressor_of_tifffile(page)


def _decompressor_of_tifffile(page: Any) -> Any:
    """Of a codec of its own, or of the library imagecodecs where that is installed."""
    import tifffile

    try:
        decode = tifffile.TIFF.DECOMPRESSORS[page.compression]
    except KeyError:
        name = getattr(page.compression, "name", page.compression)
        raise Unreadable(
            f"its compression {name} needs the library imagecodecs: install the extra `slides`, "
            "pip install 'mrcnn-keras3[slides]', or save the file uncompressed"
        ) from None
    return lambda data, rows: decode(data)


def _bytes_by_pillow(segments: Segments, data: bytes, rows: int) -> bytes:
    """Bytes of a segment, by way of a TIFF file of one strip whose samples are those bytes."""
    page = segments.page
    row_bits = segments.width * segments.samples * page.bitspersample
    is_fax = page.compression in _CCITT
    width, bits = (segments.width, 1) if is_fax else (-(-row_bits // 8), 8)
    if is_fax and (page.bitspersample, segments.samples) != (1, 1):
        raise Unreadable("its compression is that of a fax, but its samples are not of one bit")
    entries = [(256, width), (257, rows), (258, bits), (259, int(page.compression)), (262, 1)]
    entries += [(273, None), (277, 1), (278, rows), (279, len(data))]
    for tag in (_T4_OPTIONS, _T6_OPTIONS) if is_fax else ():
        if tag in page.tags:
            entries.append((tag, int(page.tags[tag].value)))
    start = 8 + 2 + 12 * len(entries) + 4
    directory = b"".join(
        struct.pack("<HHII", tag, 4, 1, start if value is None else value)
        for tag, value in sorted(entries)
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(4)
    with Image.open(io.BytesIO(head + data)) as image:
        return image.tobytes()


def _jpeg(page: Any, data: bytes, rows: int) -> np.ndarray:
    """A JPEG file of its own once the tables, and what its colors are, stand in it."""
    if page.jpegheader:
        # Slides by Hamamatsu keep the head of a whole level once.
        data = page.jpegheader + data + b"\xff\xd9"
    tables = (page.jpegtables or b"\xff\xd8\xff\xd9")[2:-2]
    marker = b""
    if page.samplesperpixel == 3 and page.planarconfig == 1:
        transform = 1 if page.photometric == YCBCR else 0
        marker = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])
    with Image.open(io.BytesIO(b"\xff\xd8" + marker + tables + data[2:])) as image:
        pixels = np.asarray(image)
    # Pillow takes four channels for Photoshop's, which are inverted.
    return 255 - pixels if image.mode == "CMYK" else pixels


def _image(page: Any, data: bytes, rows: int) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        # Where the channels are of one size, nothing in the data says that they are no RGB.
        is_ycbcr = page.compression == _YCBCR_JPEG_2000 and data[46:48] == b"\1\1"
        if is_ycbcr and image.mode == "RGB":
            image = Image.frombytes("YCbCr", image.size, image.tobytes()).convert("RGB")
        return np.asarray(image)


def decodes_colors(page: Any) -> bool:
    """Whether YCbCr comes out of the segments as RGB."""
    return page.compression in (JPEG, *_IMAGES)
