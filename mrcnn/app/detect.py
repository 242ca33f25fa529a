"""`detect`: outlines, label images and measurements of the objects in images."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from mrcnn.app.application import Application
from mrcnn.app.inputs import Inputs, expand_inputs
from mrcnn.app.messages import tell_failed
from mrcnn.app.methods import check_detector, choose_detector
from mrcnn.app.microscopes import choose_scale
from mrcnn.app.names import on_one_line, shown_path
from mrcnn.app.precision import choose_precision
from mrcnn.files import make_writable_folder
from mrcnn.inference.processors import at_once


def run(application: Application, options: Any) -> int:
    """Detect in all images; returns the exit status, 2 when one of them could not be read."""
    check_detector(application, options)
    choose_scale(options)
    choose_precision(options)
    inputs = expand_inputs(options.images)
    if not any(path.exists() for path in inputs.paths):
        return _nothing_given(inputs)
    several = 1 if options.engine else at_once(len(inputs.paths))
    with ThreadPoolExecutor(1, thread_name_prefix="load") as pool:
        # The network is made ready mostly outside of Python: the rest is imported meanwhile.
        method = pool.submit(choose_detector, application, options, several)
        from mrcnn.app.detection import run as detection
        from mrcnn.app.detection.folder import choose_folder, reserved

        out = make_writable_folder(choose_folder(application, options))
        with reserved(out):
            return detection.run(application, options, inputs, out, method.result, several)


def _nothing_given(inputs: Inputs) -> int:
    """Tell that no image is there; what earlier runs have written stays."""
    missing = [f"The image {shown_path(path)} does not exist." for path in inputs.paths]
    for line in inputs.passed_over:
        print(f"passed over: {on_one_line(line)}")
    return tell_failed([*(reason for _, reason in inputs.problems), *missing])
