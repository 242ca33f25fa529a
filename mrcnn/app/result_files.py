"""What the names of the pictures that a run leaves end in."""

OVERLAY = "_overlay"
# By the names of `--overlay-format`.
OVERLAYS = {"jpeg": f"{OVERLAY}.jpg", "png": f"{OVERLAY}.png", "webp": f"{OVERLAY}.webp"}
LABELS = "_labels.png"
# Of more objects than a PNG has numbers for.
MANY_LABELS = "_labels.tif"
# Of the label image, for the eye.
PREVIEW = "_labels_preview.png"
# What the pictures of results end in.
RESULT_PICTURES = (*OVERLAYS.values(), LABELS, MANY_LABELS, PREVIEW)
