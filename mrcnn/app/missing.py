"""What to install where a command needs a library that is not there, as in a small install."""

# Packages whose name is not that of what is imported.
_PACKAGES = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "faster_coco_eval": "faster-coco-eval",
    "skimage": "scikit-image",
}


def remedy(error: ModuleNotFoundError, command: str) -> str | None:
    """What a user reads of a library that is missing; None where it is a part of the program.

    Args:
        error: that its import raised.
        command: that needs it.
    """
    name = (error.name or "").partition(".")[0]
    if not name or name.startswith(("mrcnn", "rbc")):
        return None
    package = _PACKAGES.get(name, name)
    return (
        f"`{command}` needs {package}, which is not installed: pip install {package}, or install "
        "mrcnn-keras3 with all that it depends on."
    )
