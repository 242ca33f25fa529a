"""Matterport's `mrcnn.parallel_model`; the work is done in `mrcnn.training.parallel`."""

from mrcnn.training.parallel import ParallelModel

__all__ = ["ParallelModel"]
