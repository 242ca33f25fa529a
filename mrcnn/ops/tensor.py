"""What the signatures of all rooms call tensors and their shapes."""

from typing import Any

# A tensor of the backend in use, or a symbolic one of Keras: they have no class in common.
Tensor = Any

# The static shape of a tensor; None stands for a side that is not known.
Shape = tuple[int | None, ...]
