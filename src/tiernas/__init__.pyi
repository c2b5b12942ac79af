from . import search
from .networks import build
from .pretrained import load
from .spaces import Architecture, get_space, released

__version__: str

__all__ = [
    "Architecture",
    "__version__",
    "build",
    "get_space",
    "load",
    "released",
    "search",
]
