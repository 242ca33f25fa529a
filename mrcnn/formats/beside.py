"""Which image a file of annotations belongs to that is for one image: the one of its name."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from mrcnn.errors import DataError
from mrcnn.pictures import IMAGE_SUFFIXES

# What programs add to an image's name for the file of its annotations.
LABEL_ENDINGS = ("_cp_masks", "_masks", "_labels", "_mask", "_label")
ENDINGS = (*LABEL_ENDINGS, "_rois", "_RoiSet", "-annotations", "_annotations")
# What the image has then at its place.
_IMAGE_ENDINGS = ("", "_img", "_image")
# Folders of label images and of other annotations, and where the images lie beside them.
LABEL_FOLDERS = ("masks", "labels")
ANNOTATION_FOLDERS = ("annotations", "Annotations")
_IMAGE_FOLDERS = ("images", "image", "JPEGImages", ".")


def image_beside(annotations: Path, named: str = "") -> str:
    """The name of the image that annotations belong to, relative to the folder of the subset.

    Args:
        annotations: the file.
        named: the image's name as it stands in there, if it does; its folders do not count, which
            are those of another machine.

    Raises:
        DataError: there is no image of its name, and more than one could be meant.
    """
    folder = annotations.parent
    name = PureWindowsPath(PurePosixPath(named).name).name
    if name and _is_file(folder / name):
        return name
    found = image_of_name(annotations)
    if found or name:
        return found or name
    images = [
        path.name
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in IMAGE_SUFFIXES and path != annotations and not is_label_name(path)
    ]
    if len(images) == 1:
        return images[0]
    raise DataError(
        f"{annotations} is for one image, and does not name it: give it the image's name (of "
        f"the {len(images)} images in {folder} none is called {annotations.stem})."
    )


def image_of_name(annotations: Path) -> str | None:
    """The image that a file of annotations is called after, as `image_beside`; None without one."""
    folder, stem = annotations.parent, annotations.name.removesuffix(annotations.suffix)
    if folder.name not in (*LABEL_FOLDERS, *ANNOTATION_FOLDERS):
        return _image_of(folder, stem, annotations)
    for other in _IMAGE_FOLDERS:
        found = _image_of(folder.parent / other, stem, annotations)
        if found:
            return found if other == "." else f"{other}/{found}"
    return None


def is_label_name(path: Path) -> bool:
    """Whether a file is a label image by its name, beside an image."""
    if path.suffix.lower() not in (".png", ".tif", ".tiff"):
        return False
    stem = path.name.removesuffix(path.suffix)
    return any(
        stem.endswith(ending) and _with_stem(path.parent, stem.removesuffix(ending), path)
        for ending in LABEL_ENDINGS
    )


def _image_of(folder: Path, stem: str, annotations: Path) -> str | None:
    found = _with_stem(folder, stem, annotations)
    for ending in ENDINGS:
        if not found and stem.endswith(ending):
            found = _with_stem(folder, stem.removesuffix(ending), annotations)
    return found


def _with_stem(folder: Path, stem: str, annotations: Path) -> str | None:
    """An image of this name; a file may also be called after the whole name of the image."""
    names = [stem] if Path(stem).suffix.lower() in IMAGE_SUFFIXES else []
    for ending in _IMAGE_ENDINGS:
        for suffix in IMAGE_SUFFIXES:
            names += [f"{stem}{ending}{suffix}", f"{stem}{ending}{suffix.upper()}"]
    for name in names:
        path = folder / name
        if path != annotations and _is_file(path):
            return name
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        # A name that no file can have.
        return False
