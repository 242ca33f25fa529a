"""Evaluation of instances on plain arrays; knows no model, no data set and no file.

`InstanceEvaluator` gives all figures; the modules behind it define one kind of figure each, with
its source. `matterport` has the average precision of Matterport's programs, which is another one.
"""

from mrcnn.evaluation.calibration import Reliability, reliability
from mrcnn.evaluation.classification import Classification, classify
from mrcnn.evaluation.counting import CountErrors, count_errors
from mrcnn.evaluation.evaluator import Evaluation, InstanceEvaluator
from mrcnn.evaluation.ignoring import without_ignored
from mrcnn.evaluation.matching import match_by_score, match_one_to_one
from mrcnn.evaluation.operating_point import OperatingPoint
from mrcnn.evaluation.overlap import OverlapSums, overlap_sums
from mrcnn.evaluation.quality import Quality, Tally, mean_over_images, pooled, tally_image
from mrcnn.evaluation.records import ImageRecord
from mrcnn.evaluation.sweep import Sweep
from mrcnn.instances import Instances
from mrcnn.instances.overlap import drop_duplicates, mask_iou, touches_border

__all__ = [
    "Classification",
    "CountErrors",
    "Evaluation",
    "ImageRecord",
    "InstanceEvaluator",
    "Instances",
    "OperatingPoint",
    "OverlapSums",
    "Quality",
    "Reliability",
    "Sweep",
    "Tally",
    "classify",
    "count_errors",
    "drop_duplicates",
    "mask_iou",
    "match_by_score",
    "match_one_to_one",
    "mean_over_images",
    "overlap_sums",
    "pooled",
    "reliability",
    "tally_image",
    "touches_border",
    "without_ignored",
]
