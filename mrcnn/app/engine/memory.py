"""How the C library of a worker process keeps memory."""

import ctypes
import platform

# The numbers of glibc's `mallopt`, and the largest values that it comes to by itself.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_BLOCK = 2**25


def keep_freed_memory() -> bool:
    """Have memory that is freed kept for the next picture, as in a process without Dask.

    Dask has its workers give each large block back to the system at once
    (`MALLOC_TRIM_THRESHOLD_`), which clears it anew for the next array: with pictures, whose arrays
    are alike, that takes a good part of the time. Only glibc has this.

    Returns:
        whether it was set.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    kept = library.mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK)
    return bool(kept and library.mallopt(_TRIM_THRESHOLD, 2 * _LARGEST_BLOCK))
