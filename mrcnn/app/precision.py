"""`--precision auto`: what a network computes in, as the machine is quick at it."""

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

from mrcnn.app.backend import BACKENDS, backend_named, load_backend
from mrcnn.app.option_types import AUTO
from mrcnn.app.options import KERAS
from mrcnn.app.runtimes import has_gpu
from mrcnn.report.words import NETWORK

# What Linux tells of the processors.
CPUINFO = Path("/proc/cpuinfo")
# The instructions by which bfloat16 is much quicker on a processor; avx512_bf16 gains a fifth to a
# quarter, less than what Keras takes to start.
_MATRICES = "amx_bf16"
# Compute capability of NVIDIA's GPUs from which on they multiply matrices of these numbers.
_BFLOAT16_FROM, _FLOAT16_FROM = 8.0, 7.0
_FLOAT32, _BFLOAT16, _FLOAT16 = "float32", "mixed_bfloat16", "mixed_float16"
_SECONDS = 20


def choose_precision(options: Any) -> None:
    """Put the precision in the place of `auto` among the options, and tell it.

    It is chosen once for a run, so that all its pictures are of one precision, whichever process
    detects in them. A method without a network has none, and keeps the word.

    Raises:
        ConfigError: no backend for the network is installed, where there is a GPU.
    """
    if options.precision != AUTO or getattr(options, "method", NETWORK) != NETWORK:
        return
    options.precision, reason = best_precision(getattr(options, "runtime", KERAS))
    print(f"Precision: {options.precision}, since {reason}.")


def best_precision(runtime: str) -> tuple[str, str]:
    """The quickest precision in which cells stay the same here, one of `PRECISIONS`, and why.

    Args:
        runtime: one of `mrcnn.app.options.RUNTIMES`.

    Raises:
        ConfigError: see `choose_precision`.
    """
    if runtime not in (AUTO, KERAS):
        return _FLOAT32, f"--runtime {runtime} has no other"
    if importlib.util.find_spec("keras") is None:
        return _FLOAT32, "only Keras has others, which is not installed"
    if has_gpu() and _backend_has_gpu():
        return _of_gpu(_compute_capability())
    if (backend_named() or BACKENDS[0]) != BACKENDS[0]:
        return _FLOAT32, "on a processor only TensorFlow was seen to gain by bfloat16"
    if _MATRICES in _processor_flags():
        return _BFLOAT16, f"the processor multiplies matrices of it ({_MATRICES})"
    return _FLOAT32, f"the processor does not multiply matrices of bfloat16 (no {_MATRICES})"


def _of_gpu(capability: float | None) -> tuple[str, str]:
    if capability is None:
        return _FLOAT32, "nvidia-smi does not tell what the GPU can compute in"
    known = f"of the GPU's compute capability, {capability:g}"
    if capability >= _BFLOAT16_FROM:
        return _BFLOAT16, known
    return _FLOAT16 if capability >= _FLOAT16_FROM else _FLOAT32, known


def _processor_flags() -> set[str]:
    """What the first processor can do, as Linux calls it; nothing elsewhere."""
    try:
        lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def _backend_has_gpu() -> bool:
    """Whether the backend computes on a GPU: one may be hidden, or the backend built without."""
    load_backend()
    import keras

    if keras.backend.backend() == "torch":
        return keras.ops.zeros(()).device.type == "cuda"
    return bool(keras.distribution.list_devices("gpu"))


def _compute_capability() -> float | None:
    """The lowest of NVIDIA's GPUs here; None where it is not told."""
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True)
        return min(float(line) for line in told.stdout.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
