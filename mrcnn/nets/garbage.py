"""Python's search for garbage, which waits while much is made that stays.

Modules and graphs are a million objects. While they grow, Python looks through all of them again
and again for some that nobody needs, which takes as long as a third of the work itself.
"""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def not_looked_for() -> Iterator[None]:
    """While this lasts garbage waits, unless another thread has it looked for again."""
    is_looked_for = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_looked_for:
            gc.enable()
