"""Mask R-CNN on Keras 3, with the API and the weight files of Matterport's implementation."""

__version__ = "0.1.0"
