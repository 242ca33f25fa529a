"""What values the settings of a configuration may have."""

import math
import numbers
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, get_type_hints

import numpy as np

from mrcnn.errors import shown

BACKBONES = (
    *("resnet18", "resnet34", "resnet50", "resnet101", "resnet50-v1.5"),
    *("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2"),
)
# Of keras.applications, see `mrcnn.nets.applications`.
APPLICATIONS = (
    *("convnext_tiny", "convnext_small", "convnext_base", "convnext_large", "convnext_xlarge"),
    *("densenet121", "densenet169", "densenet201"),
    *(f"efficientnet_b{size}" for size in range(8)),
    *(f"efficientnet_v2_b{size}" for size in range(4)),
    *("efficientnet_v2_s", "efficientnet_v2_m", "efficientnet_v2_l"),
    *("inception_resnet_v2", "inception_v3"),
    *("mobilenet", "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large"),
    *("nasnet_mobile", "nasnet_large"),
    *("resnet152", "resnet50_v2", "resnet101_v2", "resnet152_v2"),
    *("vgg16", "vgg19", "xception"),
)
NORMALIZATIONS = ("batch", "group")
RESIZE_MODES = ("none", "square", "pad64", "crop")
PADDINGS = ("zeros", "mean", "reflect")
GEOMETRIES = ("matterport", "torchvision")
DETECTION_SCORES = ("class", "object", "each")
SCHEDULES = ("constant", "cosine")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
LOSS_NAMES = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)


def _is_number(value: Any) -> bool:
    if not isinstance(value, numbers.Real) or isinstance(value, bool | np.bool_):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        # A whole number that no float can hold.
        return False


def _is_file_name(value: Any) -> bool:
    """Whether text can stand in the name of a folder, and leads nowhere else."""
    return (
        isinstance(value, str)
        and len(value) <= _LONGEST_NAME
        and not set(value) & set('/\\:*?"<>|')
        and (value == "" or value.isprintable())
        and ".." not in value
    )


def _is_integer(value: Any) -> bool:
    return _is_number(value) and float(value).is_integer()


_LONGEST_NAME = 100


@dataclass(frozen=True)
class Allowed:
    """What a setting may be, whatever the others are; it stands in the annotation of the setting.

    Attributes:
        fits: whether it may have a value.
        text: what is allowed, after "must be".
    """

    fits: Callable[[Any], bool]
    text: str


def one_of(choices: Sequence[Any]) -> Allowed:
    """One of a few values."""

    def fits(value: Any) -> bool:
        return isinstance(value, str | int | float | None) and value in choices

    return Allowed(fits, f"one of {', '.join(map(repr, choices))}")


def _or_none(allowed: Allowed, text: str = "") -> Allowed:
    return Allowed(
        lambda value: value is None or allowed.fits(value), f"None or {text or allowed.text}"
    )


_COUNT = Allowed(
    lambda value: _is_integer(value) and 1 <= value < 2**31, "a whole number of at least 1"
)
_POSITIVE = Allowed(lambda value: _is_number(value) and value > 0, "a number above 0")
_FROM_ZERO = Allowed(
    lambda value: _is_integer(value) and value >= 0, "a whole number of at least 0"
)

Count = Annotated[int, _COUNT]
CountFromZero = Annotated[int, _FROM_ZERO]
CountOrNone = Annotated[
    int | None,
    _or_none(Allowed(lambda value: _is_integer(value) and value >= 1, _COUNT.text)),
]
CountFromZeroOrNone = Annotated[int | None, _or_none(_FROM_ZERO)]
_FRACTION = Allowed(lambda value: _is_number(value) and 0 <= value <= 1, "a number from 0 to 1")
Fraction = Annotated[float, _FRACTION]
FractionOrNone = Annotated[float | None, _or_none(_FRACTION)]
ShareOrNone = Annotated[
    float | None,
    _or_none(
        Allowed(lambda value: _is_number(value) and 0 < value <= 1, "a number above 0, at most 1")
    ),
]
# None and False are 0.
NotNegative = Annotated[
    float,
    Allowed(
        lambda value: value is None or value is False or (_is_number(value) and value >= 0),
        "a number of at least 0",
    ),
]
Positive = Annotated[float, _POSITIVE]
PositiveOrNone = Annotated[float | None, _or_none(_POSITIVE, "above 0")]
Seed = Annotated[
    int | None,
    _or_none(
        Allowed(
            lambda value: _is_integer(value) and 0 <= value < 2**31,
            "a whole number from 0 to 2147483647",
        )
    ),
]
FileName = Annotated[
    str | None, _or_none(Allowed(_is_file_name, "text that can be a part of a file name"))
]
Flag = Annotated[bool, one_of((False, True))]


def _are_positive(value: Any, length: int | None = None) -> bool:
    array = np.atleast_1d(np.asarray(value, dtype=object))
    return (
        array.ndim == 1
        and array.size > 0
        and (length is None or array.size == length)
        and all(_is_number(item) and item > 0 for item in array)
    )


def _is_size(value: Any) -> bool:
    return _are_positive(value, 2) and all(_is_integer(side) for side in value)


# Lists, tuples and arrays.
Numbers = Annotated[Any, Allowed(_are_positive, "numbers above 0")]
FourNumbers = Annotated[Any, Allowed(lambda value: _are_positive(value, 4), "4 numbers above 0")]
_SIZE = Allowed(_is_size, "two whole numbers above 0, height and width")
Size = Annotated[Any, _SIZE]
LossWeights = Annotated[
    dict[str, float],
    Allowed(
        lambda value: (
            isinstance(value, dict)
            and set(value) <= set(LOSS_NAMES)
            and all(_is_number(factor) and factor >= 0 for factor in value.values())
        ),
        f"a dictionary of numbers of at least 0 with keys among {', '.join(LOSS_NAMES)}",
    ),
]


def bounds_of(config: type) -> dict[str, Allowed]:
    """What stands in the annotations of a class of settings, by their names."""
    return {
        name: bound
        for name, hint in get_type_hints(config, include_extras=True).items()
        for bound in getattr(hint, "__metadata__", ())
        if isinstance(bound, Allowed)
    }


class _Require(Protocol):
    """Notes a problem unless a condition holds."""

    def __call__(self, condition: bool, name: str, allowed: str) -> None: ...


def find_problems(config: Any, bounds: Mapping[str, Allowed]) -> list[str]:
    """One line for each value that cannot work: attribute, value, what is allowed.

    Args:
        config: settings.
        bounds: see `bounds_of`; what depends on several settings is checked here.
    """
    problems: list[str] = []

    def require(condition: bool, name: str, allowed: str) -> None:
        if not condition:
            problems.append(f"{name} is {shown(getattr(config, name))}: must be {allowed}.")

    for name, bound in bounds.items():
        require(bound.fits(getattr(config, name)), name, bound.text)
    require(
        not config.MASK_MARGIN or config.SUBPIXEL_MASKS,
        "MASK_MARGIN",
        "0 unless SUBPIXEL_MASKS is True, since masks then reach beyond the boxes",
    )
    require(
        config.IMAGE_PADDING != "reflect" or config.SUBPIXEL_MASKS is True,
        "IMAGE_PADDING",
        "'zeros' or 'mean' unless SUBPIXEL_MASKS is True, which cuts off what reaches into the "
        "mirror image",
    )
    names = config.OBJECT_CLASSES
    require(
        names is None
        or (
            isinstance(names, list | tuple)
            and len(names) > 0
            and all(name in (config.CLASS_NAMES or ()) for name in names)
        ),
        "OBJECT_CLASSES",
        "None or a list of names that are in CLASS_NAMES",
    )
    _check_backbone(config, require)
    _check_image_size(config, require)
    _check_sequences(config, require)
    return problems


def _check_backbone(config: Any, require: _Require) -> None:
    shapes = config.COMPUTE_BACKBONE_SHAPE
    if callable(config.BACKBONE):
        require(
            shapes is None or callable(shapes),
            "COMPUTE_BACKBONE_SHAPE",
            "None or a function of the image shape when BACKBONE is a function",
        )
    else:
        known = (*BACKBONES, *APPLICATIONS)
        require(
            isinstance(config.BACKBONE, str) and config.BACKBONE in known,
            "BACKBONE",
            f"one of {', '.join(map(repr, known))}, or a function that builds the network",
        )


def _check_image_size(config: Any, require: _Require) -> None:
    mode = config.IMAGE_RESIZE_MODE
    if mode in ("square", "crop"):
        name = "IMAGE_MIN_DIM" if mode == "crop" else "IMAGE_MAX_DIM"
        side = getattr(config, name)
        require(
            _is_integer(side) and side > 0 and side % 64 == 0,
            name,
            "divisible by 64, because the image is halved six times "
            f"(IMAGE_RESIZE_MODE {mode!r}); for example 256, 320, 384, 448, 512, 640, 1024",
        )


def _check_sequences(config: Any, require: _Require) -> None:
    strides = config.BACKBONE_STRIDES
    levels = np.size(strides) if _are_positive(strides) else None
    require(
        _are_positive(config.RPN_ANCHOR_SCALES, levels),
        "RPN_ANCHOR_SCALES",
        f"{levels or 'as many'} numbers above 0, one for each of BACKBONE_STRIDES",
    )
    require(
        not config.USE_MINI_MASK or _SIZE.fits(config.MINI_MASK_SHAPE),
        "MINI_MASK_SHAPE",
        _SIZE.text,
    )
    mean = np.atleast_1d(np.asarray(config.MEAN_PIXEL, dtype=object))
    require(
        mean.size in (1, config.IMAGE_CHANNEL_COUNT) and all(_is_number(item) for item in mean),
        "MEAN_PIXEL",
        f"one number, or one for each of the {config.IMAGE_CHANNEL_COUNT} channels",
    )
