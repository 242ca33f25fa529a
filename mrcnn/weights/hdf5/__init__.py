"""Reading HDF5 files that may come from anyone.

The HDF5 library is written for files that it wrote itself: a single changed byte can make it loop
for ever, ask for all memory or crash the process, and no Python program can catch that. A child
process with a time limit would, but it costs a start of Python for each file, cannot tell a slow
disk from a hang, and still runs a hostile file through C code. So weights are read by this package
instead: Python alone, in which every address is compared with the length of the file, every object
is read once, and the work is limited by the length of the file. What remains is a seek and a read
into the array for each weight, which is as fast as the library is.

Read is what programs write who keep weights: groups of the old and the new form, arrays that are
contiguous, compact or in chunks (deflate, shuffle and Fletcher's checksum), floating-point numbers
of 16, 32 and 64 bits, and attributes of text. Anything else is named and refused.
Format: https://docs.hdfgroup.org/hdf5/latest/_f_m_t3.html
"""

from mrcnn.weights.hdf5.arrays import Dataset
from mrcnn.weights.hdf5.check import check_structure
from mrcnn.weights.hdf5.groups import Group, open_file
from mrcnn.weights.hdf5.source import UnreadableError

__all__ = ["Dataset", "Group", "UnreadableError", "check_structure", "open_file"]
