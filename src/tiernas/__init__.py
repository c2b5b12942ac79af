"""tiernas finds convolutional networks that are fast on the device they will be deployed on."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tiernas import search
    from tiernas.networks import build
    from tiernas.spaces import Architecture, get_space, released

__version__ = version("tiernas")

__all__ = ["Architecture", "__version__", "build", "get_space", "released", "search"]

_HOMES = {
    "Architecture": "tiernas.spaces",
    "build": "tiernas.networks",
    "get_space": "tiernas.spaces",
    "released": "tiernas.spaces",
}


def __getattr__(name: str) -> Any:
    """Imports public names when they are first used, so that `import tiernas` is quick."""
    if name == "search":
        return import_module("tiernas.search")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tiernas' has no attribute {name!r}")
