"""Files that cannot be read are named with the way to convert them, whatever they are called."""

import pytest
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.pictures import IMAGE_SUFFIXES, open_picture

BIO = "Open it in Fiji .*save it as OME-TIFF, or convert it with `bioformats2raw`"
HEIF = "Convert it to JPEG or PNG, for example with `heif-convert FILE OUT.png`"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.czi", b"x", f"Zeiss CZI files are not read. {BIO}"),
        ("a.CZI", b"x", f"Zeiss CZI files are not read. {BIO}"),
        ("a.jpg", b"ZISRAWFILE\0\0", f"Zeiss CZI files are not read. {BIO}"),
        ("a.nd2", b"x", f"Nikon ND2 files are not read. {BIO}"),
        ("a.tif", b"\xda\xce\xbe\x0a\0", f"Nikon ND2 files are not read. {BIO}"),
        ("a.lif", b"\x70\0\0\0", f"Leica LIF files are not read. {BIO}"),
        ("a.vsi", b"x", f"Olympus VSI files are not read. {BIO}"),
        ("a.mrxs", b"x", f"3DHISTECH MRXS files are not read. {BIO}"),
        ("a.heic", b"x", f"HEIC files are not read. {HEIF}"),
        ("a.dng", b"II*\0", "Camera raw files are not read. Develop it to TIFF or JPEG"),
        ("IMG_1.jpg", b"\0\0\0\x18ftypheic\0\0", f"HEIC files are not read. {HEIF}"),
    ],
)
def test_foreign_kinds(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"Cannot read the image .*{name}: {said}"):
        open_picture(tmp_path / name)


def test_every_suffix_that_pillow_writes_is_read(tmp_path):
    written = [suffix for suffix in IMAGE_SUFFIXES if suffix in Image.registered_extensions()]
    assert {".gif", ".jfif", ".jp2", ".jpe", ".webp"} <= set(written)
    for suffix in written:
        Image.new("RGB", (9, 7), "red").save(tmp_path / f"a{suffix}")
        with open_picture(tmp_path / f"a{suffix}") as picture:
            assert picture.pixels().shape == (7, 9, 3)
