"""Objects that fill their boxes, for tests of what is written of them."""

import numpy as np

from mrcnn.instances import Instances


def objects_of(shape, boxes, scores=None, class_ids=None, crops=None) -> Instances:
    boxes = np.array(boxes).reshape(-1, 4)
    if crops is None:
        crops = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
    count = len(boxes)
    return Instances(
        shape,
        boxes,
        crops,
        np.ones(count, int) if class_ids is None else np.array(class_ids),
        np.linspace(0.9, 0.8, count) if scores is None else np.array(scores),
    )
