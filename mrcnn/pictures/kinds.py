"""Which files are images by their names, and what is said of those of foreign kinds."""

from collections.abc import Iterable
from pathlib import Path

from mrcnn.errors import DataError

# Suffixes of the files that are taken from a folder.
IMAGE_SUFFIXES = (
    ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".ndpi", ".png", ".svs", ".tif",
    ".tiff", ".webp",
)  # fmt: skip

_BIOFORMATS = (
    "Open it in Fiji (File > Import > Bio-Formats) and save it as OME-TIFF, or convert it with "
    "`bioformats2raw` or `bfconvert`"
)
_HEIF = "Convert it to JPEG or PNG, for example with `heif-convert FILE OUT.png`"
_DEVELOP = "Develop it to TIFF or JPEG, with the program of the camera or with darktable"
_FOREIGN = {
    **dict.fromkeys(
        (".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"), ("Camera raw", _DEVELOP)
    ),
    ".czi": ("Zeiss CZI", _BIOFORMATS),
    ".nd2": ("Nikon ND2", _BIOFORMATS),
    ".lif": ("Leica LIF", _BIOFORMATS),
    ".lof": ("Leica LOF", _BIOFORMATS),
    ".oib": ("Olympus OIB", _BIOFORMATS),
    ".oif": ("Olympus OIF", _BIOFORMATS),
    ".oir": ("Olympus OIR", _BIOFORMATS),
    ".vsi": ("Olympus VSI", _BIOFORMATS),
    ".mrxs": ("3DHISTECH MRXS", _BIOFORMATS),
    ".zvi": ("Zeiss ZVI", _BIOFORMATS),
    ".ims": ("Imaris", _BIOFORMATS),
    ".dv": ("DeltaVision", _BIOFORMATS),
    ".dcm": ("DICOM", _BIOFORMATS),
    ".heic": ("HEIC", _HEIF),
    ".heif": ("HEIF", _HEIF),
}
# How such files begin, also under another name: (offset, bytes, suffix).
_SIGNATURES = (
    (0, b"ZISRAWFILE", ".czi"),
    (0, b"\xda\xce\xbe\x0a", ".nd2"),
    (0, b"\x70\x00\x00\x00", ".lif"),
    (4, b"ftypheic", ".heic"),
    (4, b"ftypheix", ".heic"),
    (4, b"ftyphevc", ".heic"),
    (4, b"ftypmif1", ".heif"),
    (4, b"ftypmsf1", ".heif"),
)


# What lies in the folder of a picture that is saved as Zarr; its suffix.
_ZARR_FILES = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
ZARR_SUFFIX = ".zarr"


def is_zarr(path: Path) -> bool:
    """Whether a folder is one picture, saved as Zarr."""
    return path.is_dir() and (
        path.suffix.lower() == ZARR_SUFFIX or any((path / name).exists() for name in _ZARR_FILES)
    )


def foreign_kind(path: Path, start: bytes) -> tuple[str, str] | None:
    """The name of a format that cannot be read, and how to convert it; None of any other.

    Args:
        path: of the file.
        start: its first bytes, at least 16 if it has them.
    """
    for offset, signature, suffix in _SIGNATURES:
        if start[offset : offset + len(signature)] == signature:
            return _FOREIGN[suffix]
    return _FOREIGN.get(path.suffix.lower())


def refuse_foreign(path: Path, start: bytes) -> None:
    """Say how to convert a file of a kind that cannot be read.

    Raises:
        DataError: it is such a file.
    """
    found = foreign_kind(path, start)
    if found:
        name, advice = found
        raise DataError(f"Cannot read the image {path}: {name} files are not read. {advice}.")


def images_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """What a folder holds, sorted by name; hidden files do not count.

    Returns:
        the images by their suffixes, and what else there is.
    """
    images: list[Path] = []
    others: list[Path] = []
    for path in sorted(folder.iterdir()):
        if not path.name.startswith("."):
            is_image = is_zarr(path) or (path.suffix.lower() in IMAGE_SUFFIXES and path.is_file())
            (images if is_image else others).append(path)
    return images, others


def passed_over(others: Iterable[Path]) -> list[str]:
    """For each file or folder that is no image by its name, one line that says so."""
    return [f"{path}: {_why_not(path)}" for path in others]


def _why_not(path: Path) -> str:
    name, advice = _FOREIGN.get(path.suffix.lower(), ("", ""))
    if name:
        return f"{name} files are not read. {advice}"
    return "a folder, which is not searched" if path.is_dir() else "not an image by its name"
