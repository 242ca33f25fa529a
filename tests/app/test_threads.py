"""How many threads the libraries of a command compute with."""

import os
import subprocess
import sys

import pytest

VARIABLE = "OPENBLAS_NUM_THREADS"
LOOK = f"import os, sys, mrcnn.app; print(os.environ.get({VARIABLE!r}), 'numpy' in sys.modules)"


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "1"), ({VARIABLE: "3"}, "3"), ({"KERAS_BACKEND": "torch"}, "None")],
)
def test_fits_to_a_picture_have_one_thread_unless_more_are_asked_for(given, expected):
    others = {name: value for name, value in os.environ.items() if name != VARIABLE}
    others.pop("KERAS_BACKEND", None)
    done = subprocess.run(
        [sys.executable, "-c", LOOK], env={**others, **given}, capture_output=True, text=True
    )
    # NumPy, which looks at it when it is loaded, comes later.
    assert done.stdout.split() == [expected, "False"], done.stderr
