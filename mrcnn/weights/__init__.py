"""Weights of a model: reading, writing, the layouts of files, and published files.

Files come from anyone. What guards against hostile ones is in `sources` and `hdf5`.
"""
