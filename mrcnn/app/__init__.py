"""The command line for any data set: train, evaluate, detect, check, convert, pack."""

import os

# What is fitted to a picture is small, and several pictures are worked on at the same time. The
# threads that OpenBLAS starts for each fit wait for each other while they compute nothing: on two
# busy processors that was a third of the time of `detect`. It looks at this when NumPy is loaded.
# PyTorch may have a copy of it that is to compute with all processors.
if os.environ.get("KERAS_BACKEND") != "torch":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
