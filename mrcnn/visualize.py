"""Matterport's `mrcnn.visualize`: the names that programs import; the work is done elsewhere.

Functions that draw return the matplotlib `Axes`, so `ax.figure.savefig(path)` saves the figure.
Figures stay open: where many are made in a loop, close each with `plt.close()`. Two names are not
Matterport's: `class_colors` gives classes fixed colors that the color-blind tell apart, and
`save_picture` saves an image with what is drawn on it in the image's own pixels.
"""

from mrcnn.drawing.colors import class_colors, random_colors
from mrcnn.drawing.figures import save_picture
from mrcnn.drawing.grids import display_images, display_top_masks
from mrcnn.drawing.instances import display_differences, display_instances
from mrcnn.drawing.pixels import apply_mask, draw_box
from mrcnn.drawing.plots import plot_overlaps, plot_precision_recall
from mrcnn.drawing.regions import draw_boxes, draw_rois
from mrcnn.drawing.tables import display_table, display_weight_stats

__all__ = [
    "apply_mask",
    "class_colors",
    "display_differences",
    "display_images",
    "display_instances",
    "display_table",
    "display_top_masks",
    "display_weight_stats",
    "draw_box",
    "draw_boxes",
    "draw_rois",
    "plot_overlaps",
    "plot_precision_recall",
    "random_colors",
    "save_picture",
]
