"""The README of an exported network, for a person who has nothing else of this project."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mrcnn import __version__
from mrcnn.deploy.formats import INT8, Format
from mrcnn.deploy.ports import Port

if TYPE_CHECKING:
    from mrcnn.deploy.network import Network

# Settings that shape what comes out, which cannot be changed in the exported network.
_SETTINGS = (
    "DETECTION_MIN_CONFIDENCE",
    "DETECTION_MAX_INSTANCES",
    "DETECTION_NMS_THRESHOLD",
    "POST_NMS_ROIS_INFERENCE",
    "PRE_NMS_LIMIT",
)
_MOLDING = (
    "IMAGE_RESIZE_MODE",
    "IMAGE_FIT",
    "IMAGE_MIN_DIM",
    "IMAGE_MAX_DIM",
    "IMAGE_MIN_SCALE",
    "IMAGE_PADDING",
    "DETECTION_MAX_MASK_OVERLAP",
)


def readme_text(
    network: "Network",
    form: Format,
    weights_as: str,
    weights: str,
    has_license: bool,
) -> str:
    """The text in Markdown.

    Args:
        network: that was exported.
        form: the format it is in.
        weights_as: what its kernels are stored as.
        weights: which weights it has, for a person.
        has_license: whether the license of the weights lies beside it.
    """
    config = network.config
    names = getattr(config, "CLASS_NAMES", ())
    classes = ", ".join(f"{number} {name}" for number, name in enumerate(names, start=1))
    body = _end_to_end(network, form) if network.end_to_end else _alone(network, form)
    parts = [
        f"# {config.NAME}, exported as {form.title}",
        f"The network of a Mask R-CNN with the weights {weights}, written by mrcnn-keras3 "
        f"{__version__}. {_computes(weights_as)}",
        _table(
            ("file", "holds"),
            [
                (f"`{form.network}`", f"the network, {form.title}"),
                ("`config.json`", "the settings of the model"),
                *([("`LICENSE.txt`", "the license of the weights")] if has_license else []),
            ],
        ),
        f"Class 0 is the background{f'; the others are {classes}' if classes else ''}.",
        *body,
    ]
    return "\n\n".join(parts) + "\n"


def _alone(network: "Network", form: Format) -> list[str]:
    """What goes in and comes out of the network alone."""
    config = network.config
    return [
        "## Inputs",
        _ports(network.inputs),
        "Height and width are multiples of 64; `batch` images have one size. "
        f"`MEAN_PIXEL` is {_numbers(config.MEAN_PIXEL)}.",
        "`input_image_meta` has for each picture: its number, its height, width and channels as "
        "read, those of the input, the window y1, x1, y2, x2 in pixels of the input that the "
        "picture fills (the rest is padding), the factor from the picture to the input, and a 1 "
        "for each class. The network reads the size of the input and the window.",
        "`input_anchors` are the same for all pictures of one size: "
        "`mrcnn.data.anchors.normalized_anchors(config, (height, width))` makes them, once, and "
        "other programs can read them from a file.",
        "## Outputs",
        _ports(network.outputs),
        "Boxes are normalized to the input: y1 = 0 is its first row of pixels, y2 = 1 its last "
        "one, so that a pixel coordinate is y * (height - 1), and one more for y2 and x2. Rows of "
        "class 0 are padding. In the network, and not to be changed there, are "
        + _settings(config, _SETTINGS)
        + ".",
        "## Running it",
        f"```python\n{form.usage}```",
    ]


def _end_to_end(network: "Network", form: Format) -> list[str]:
    """What goes in and comes out where a picture goes in as it was read."""
    config = network.config
    settings = [*_SETTINGS, *_MOLDING, "SUBPIXEL_MASKS", "MASK_MARGIN"]
    diameter = config.OBJECT_DIAMETER
    size = f" (a median diameter of {diameter:g} pixels of the network)" if diameter else ""
    parts = [
        "## Inputs",
        _ports(network.inputs),
        "The picture is brought to size in the network. `scale` [0] does it as the settings say; "
        "any other number gives the pixels of the network for each pixel of the picture. At it "
        f"the objects should be as large as those in training{size}.",
        "## Outputs",
        _ports(network.outputs),
        "There may be no object, and then no output has a row.",
        "## What is in it, and what is not",
        "In the network are resizing and padding of the picture, the mean color, anchors, the "
        "layers, suppression of boxes, and placing masks in the picture, of which those that "
        "`DETECTION_MAX_MASK_OVERLAP` drops are left out. Settings that it has, which cannot be "
        f"changed: {_settings(config, settings)}.",
        "Not in it is what the programs of this package do around a network: no tiles (one "
        "picture goes through as a whole, with at most `DETECTION_MAX_INSTANCES` objects), no "
        "estimate of the scale, no warnings, no measurements, and no outlines that follow the "
        "stain.",
    ]
    if config.IMAGE_RESIZE_MODE == "none":
        parts.append("Sides of the picture have to be multiples of 64, unless `scale` is given.")
    return [*parts, "## Running it", f"```python\n{form.usage_end_to_end}```"]


def _settings(config: Any, names: Sequence[str]) -> str:
    return ", ".join(f"`{name}` = {getattr(config, name)}" for name in names)


def _computes(weights_as: str) -> str:
    if weights_as == INT8:
        return (
            "Most of its convolutions and the layers of its box head are of 8-bit whole numbers; "
            "all else is float32."
        )
    return f"Its kernels are stored as {weights_as}, and it computes in float32."


def _ports(ports: Sequence[Port]) -> str:
    return _table(
        ("name", "shape", "numbers", "holds"),
        [(f"`{port.name}`", port.shape_text, port.dtype.__name__, port.meaning) for port in ports],
    )


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _numbers(values: Any) -> str:
    return ", ".join(f"{float(value):g}" for value in values)
