"""Which versions a record was made with."""

import importlib.metadata
import platform
from collections.abc import Iterable

from mrcnn import __version__


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python, of this package, and of those of others that are installed."""
    versions = {"python": platform.python_version(), "mrcnn": __version__}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
