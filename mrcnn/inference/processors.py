"""The processors of the machine, and how many of them a network takes."""

import os

# What a program that starts others, such as a batch system or a worker of Dask, tells them by.
VARIABLE = "OMP_NUM_THREADS"


# So many pictures are predicted at the same time at most: each takes memory of its own.
MOST_AT_ONCE = 4


def processors() -> int:
    """How many processors this program may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads() -> int:
    """With how many threads a network computes: as many as OMP_NUM_THREADS says, else all.

    Of several numbers, one for each level of OpenMP, the first counts; what is no number above 0
    is passed over.
    """
    told = os.environ.get(VARIABLE, "").partition(",")[0].strip()
    return int(told) if told.isdecimal() and int(told) > 0 else processors()


def at_once(pictures: int = MOST_AT_ONCE) -> int:
    """How many of so many pictures are best predicted at the same time.

    Each has its share of the threads, and no processor waits where one of them is molded or placed,
    which takes one thread.
    """
    return max(1, min(MOST_AT_ONCE, threads(), pictures))
