"""The libraries of the extra `serve`."""

import importlib.util

from mrcnn.errors import ConfigError

_MODULES = {"fastapi": "fastapi", "uvicorn": "uvicorn", "python_multipart": "python-multipart"}


def require_libraries() -> None:
    """Refuse to start without the libraries of the page.

    Raises:
        ConfigError: names those that are missing, and the extra that brings them.
    """
    missing = [
        name for module, name in _MODULES.items() if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise ConfigError(
            f"`serve` needs {', '.join(missing)}, which the extra `serve` installs: "
            "pip install 'mrcnn-keras3[serve]'."
        )
