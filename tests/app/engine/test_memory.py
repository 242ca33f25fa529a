"""Worker processes keep the memory that they free."""

import os
import platform
import subprocess
import sys

import pytest

# How many pages the system has to clear for a hundred arrays of 8 MB, one after the other.
_PROGRAM = """
import resource, sys
import numpy as np
from mrcnn.app.engine.memory import keep_freed_memory
if sys.argv[1] == "kept":
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(10**6)
before = faults()
for _ in range(100):
    np.ones(10**6)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_memory_that_is_freed_is_taken_again():
    # As Dask starts its workers.
    environment = {"MALLOC_TRIM_THRESHOLD_": "65536"}
    found = {}
    for name in ("given_back", "kept"):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM, name],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
        found[name] = int(done.stdout)
    assert found["given_back"] > 100 * found["kept"]
