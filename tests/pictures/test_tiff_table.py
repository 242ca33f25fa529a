"""A TIFF is read by all its tags, equal to one reference, or refused with the reason.

The cross of types, channels, orientations and layouts is whole; what else there is goes in pairs.
"""

import itertools

import numpy as np
import pytest
import tifffile

from mrcnn.errors import DataError
from mrcnn.pictures import open_picture

HEIGHT, WIDTH = 36, 21


def reference():
    """uint8 RGB with all of 0 to 255 in each channel, not alike when turned or mirrored."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    ramp = (y * WIDTH + x) * 255 // (HEIGHT * WIDTH - 1)
    return np.stack([ramp, np.roll(ramp, 7, 0), 255 - ramp[:, ::-1]], axis=-1).astype(np.uint8)


REFERENCE = reference()
GRAY = np.repeat(REFERENCE[:, :, :1], 3, axis=2)
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
TYPES = [*INTEGERS, "float16", "float32", "float64"]
LAYOUTS = {
    "one strip": {"rowsperstrip": HEIGHT + WIDTH},
    "strips": {"rowsperstrip": 8},
    "tiles": {"tile": (16, 32)},
}
# How an upright picture is stored under each orientation.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: np.swapaxes(a[::-1, ::-1], 0, 1),
    8: lambda a: np.rot90(a, -1),
}


def of_type(pixels, dtype):
    """Bytes as evenly spread values of another type, whatever its range."""
    dtype = np.dtype(dtype)
    if dtype == np.uint8:
        return pixels
    if dtype.kind == "f":
        return (pixels / 255.0).astype(dtype)
    step = (1 << (dtype.itemsize * 8)) // 256
    lowest = np.iinfo(dtype).min
    return (pixels.astype(object) * step + lowest).astype(dtype)


def write(path, channels, dtype="uint8", orientation=1, planar="contig", **options):
    """A file of the reference with further channels behind it; returns what it should be read as.

    One or two channels are gray, the last one meaningless; three to five are colors.
    """
    color = channels >= 3
    extra = 255 - np.roll(REFERENCE[:, :, :2], 3, axis=1)
    pixels = np.concatenate([REFERENCE if color else REFERENCE[:, :, :1], extra], axis=2)
    pixels = pixels[:, :, :channels]
    samples = np.ascontiguousarray(STORED[orientation](of_type(pixels, dtype)))
    samples = np.moveaxis(samples, -1, 0) if planar == "separate" else samples
    count = channels - (3 if color else 1)
    many = {"planarconfig": planar, "extrasamples": [0] * count} if channels > 1 else {}
    options = {"photometric": "rgb" if color else "minisblack", "metadata": None, **many, **options}
    options["extratags"] = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(path, samples.squeeze() if channels == 1 else samples, **options)
    return REFERENCE if color else GRAY


def check(path, expected, what, tolerance=0):
    with open_picture(path) as picture:
        assert picture.shape == expected.shape[:2], what
        y, x = HEIGHT // 3, WIDTH // 4
        pixels = picture.pixels()
        np.testing.assert_array_equal(picture.region(y, x, 9, 11), pixels[y : y + 9, x : x + 11])
    worst = np.abs(pixels.astype(int) - expected).max()
    assert worst <= tolerance, f"{what}: differs by {worst}"


@pytest.mark.parametrize("channels", range(1, 6))
@pytest.mark.parametrize("dtype", TYPES)
def test_every_type_orientation_and_layout(tmp_path, dtype, channels):
    for orientation, (layout, options) in itertools.product(STORED, LAYOUTS.items()):
        path = tmp_path / "a.tif"
        expected = write(path, channels, dtype, orientation, **options)
        # A half precision number has 11 bits.
        check(path, expected, (dtype, channels, orientation, layout), tolerance=dtype != "uint8")


PAIRS = {
    "planar": ["contig", "separate"],
    "byteorder": ["<", ">"],
    "compression": [None, "zlib", "lzma"],
    "bigtiff": [False, True],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", TYPES)
def test_pairs_of_what_else_there_is(tmp_path, dtype, layout):
    for (one, ones), (other, others) in itertools.combinations(PAIRS.items(), 2):
        for value, second in itertools.product(ones, others):
            for channels in (1, 4):
                options = {one: value, other: second, **LAYOUTS[layout]}
                expected = write(tmp_path / "a.tif", channels, dtype, 6, **options)
                check(tmp_path / "a.tif", expected, (options, dtype, channels), dtype != "uint8")


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("dtype", INTEGERS)
def test_differences_between_neighbors(tmp_path, dtype, byteorder):
    for planar, layout in itertools.product(["contig", "separate"], LAYOUTS):
        options = {"predictor": 2, "compression": "zlib", "byteorder": byteorder}
        options |= LAYOUTS[layout]
        expected = write(tmp_path / "a.tif", 3, dtype, planar=planar, **options)
        check(tmp_path / "a.tif", expected, (options, planar), dtype != "uint8")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_differences_between_floating_neighbors(tmp_path, dtype, byteorder):
    """The predictor of floating numbers, made by hand from its definition."""
    samples = of_type(REFERENCE, dtype)
    size = samples.dtype.itemsize
    rows = samples.astype(samples.dtype.newbyteorder(">")).reshape(HEIGHT, -1)
    planes = rows.view(np.uint8).reshape(HEIGHT, -1, size).transpose(0, 2, 1).reshape(HEIGHT, -1)
    stored = planes.copy()
    stored[:, 3:] -= planes[:, :-3]
    path = tmp_path / "a.tif"
    blank = samples.view(np.uint8).reshape(HEIGHT, -1)
    blank[:] = stored
    as_written = blank.view(dtype).reshape(HEIGHT, WIDTH, 3)
    # Written in the machine's order, in which the bytes are as they should be in the file.
    tifffile.imwrite(path, as_written, photometric="rgb", byteorder="<", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags["Software"].overwrite("x" * 11)
    content = path.read_bytes()
    # The tag Software (305) becomes the predictor (317), a short number of 3.
    head = (305).to_bytes(2, "little") + (2).to_bytes(2, "little")
    at = content.index(head, 8)
    entry = np.array([317, 3], "<u2").tobytes() + np.array([1, 3], "<u4").tobytes()
    path.write_bytes(content[:at] + entry + content[at + 12 :])
    check(path, REFERENCE, dtype, tolerance=1)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_white_is_the_smallest(tmp_path, dtype, layout):
    negative = of_type(255 - REFERENCE[:, :, 0], dtype)
    options = {"photometric": "miniswhite", "metadata": None, **LAYOUTS[layout]}
    tifffile.imwrite(tmp_path / "a.tif", negative, **options)
    check(tmp_path / "a.tif", GRAY, dtype, tolerance=dtype != "uint8")


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_palette(tmp_path, layout, orientation):
    colors = np.random.default_rng(0).integers(0, 256, (3, 256))
    indices = np.ascontiguousarray(STORED[orientation](REFERENCE[:, :, 0]))
    tifffile.imwrite(
        tmp_path / "a.tif",
        indices,
        photometric="palette",
        colormap=(colors * 257).astype(np.uint16),
        extratags=[(274, "H", 1, orientation, True)],
        metadata=None,
        **LAYOUTS[layout],
    )
    check(tmp_path / "a.tif", colors.T[REFERENCE[:, :, 0]].astype(np.uint8), layout)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_cmyk(tmp_path, layout, planar, dtype):
    inks = np.concatenate([255 - REFERENCE, np.zeros((HEIGHT, WIDTH, 1), np.uint8)], axis=2)
    inks = inks.astype(dtype) * (257 if dtype == "uint16" else 1)
    samples = np.moveaxis(inks, -1, 0) if planar == "separate" else inks
    options = {"photometric": "separated", "planarconfig": planar, "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", samples, **options, **LAYOUTS[layout])
    check(tmp_path / "a.tif", REFERENCE, (layout, planar))


@pytest.mark.parametrize(
    ("tag", "value", "channels", "dtype", "reason"),
    [
        ("PhotometricInterpretation", 4, 1, "uint8", "a transparency mask"),
        ("PhotometricInterpretation", 5, 3, "uint8", "it has 3 samples a pixel"),
        ("PhotometricInterpretation", 5, 4, "float32", "32 bits a channel and no RGB"),
        ("PhotometricInterpretation", 8, 3, "uint8", "its colors are CIELab: save it as RGB"),
        ("PhotometricInterpretation", 8, 3, "uint16", "its colors are CIELab: save it as RGB"),
        ("PhotometricInterpretation", 9, 3, "uint8", "its colors are ICCLab"),
        ("PhotometricInterpretation", 10, 3, "uint8", "its colors are ITULab"),
        ("PhotometricInterpretation", 32803, 1, "uint16", "raw values of a camera"),
        ("PhotometricInterpretation", 32845, 3, "uint16", "its values are logarithms"),
        ("PhotometricInterpretation", 999, 1, "uint8", "of an unknown kind"),
        ("PhotometricInterpretation", 3, 1, "uint8", "its palette is missing"),
        ("SampleFormat", 6, 1, "int64", "its samples are complex numbers"),
        ("SampleFormat", 3, 1, "int8", "numbers of 8 bits of the kind 3"),
        ("Compression", 9999, 1, "uint8", "its compression 9999 needs the library imagecodecs"),
    ],
    ids=str,
)
def test_what_is_refused(tmp_path, tag, value, channels, dtype, reason):
    path = tmp_path / "a.tif"
    write(path, channels, dtype)
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[tag].overwrite(value)
    with pytest.raises(DataError, match=rf"Cannot read the image .*a\.tif: .*{reason}"):
        open_picture(path).pixels()


def test_a_volume_in_one_page_is_refused(tmp_path):
    volume = np.zeros((16, 32, 32), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", volume, volumetric=True, tile=(16, 16, 16))
    with pytest.raises(DataError, match="a volume of 16 planes in one page"):
        open_picture(tmp_path / "a.tif")


@pytest.mark.parametrize("channels", [2, 5])
def test_channels_that_were_written_as_columns(tmp_path, channels):
    """What tifffile makes of an array [H, W, C] without a word on its colors: H pages of W x C."""
    pixels = np.concatenate([REFERENCE, REFERENCE], axis=2)[:, :, :channels]
    tifffile.imwrite(tmp_path / "a.tif", np.ascontiguousarray(pixels))
    check(tmp_path / "a.tif", GRAY if channels == 2 else REFERENCE, channels)
