"""The colors of all that is drawn: of classes, of the truth and of predictions."""

Rgb = tuple[int, int, int]

# Okabe and Ito (2008), without black: told apart with any kind of color vision.
CLASS_COLORS: tuple[Rgb, ...] = (
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (0, 158, 115),  # bluish green
    (240, 228, 66),  # yellow
    (0, 114, 178),  # blue
    (213, 94, 0),  # vermilion
    (204, 121, 167),  # reddish purple
)
BACKGROUND: Rgb = (85, 85, 85)
# Still green and red to most people, and not alike to those who see these two as one.
TRUTH: Rgb = (0, 191, 153)
PREDICTION: Rgb = (214, 41, 0)


def class_color(class_id: int) -> Rgb:
    """The color of class 1, 2, ..., repeated where there are more; that of 0 is gray."""
    return CLASS_COLORS[(class_id - 1) % len(CLASS_COLORS)] if class_id else BACKGROUND


def in_units(color: Rgb) -> tuple[float, float, float]:
    """(red, green, blue) in 0..1 of a color in 0..255."""
    red, green, blue = color
    return red / 255, green / 255, blue / 255
