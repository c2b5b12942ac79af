from .add import Added, add_stated, require_there
from .stated import OWN, Collection, StatedNetwork, own_collection, read_stated

__all__ = [
    "OWN",
    "Added",
    "Collection",
    "StatedNetwork",
    "add_stated",
    "own_collection",
    "read_stated",
    "require_there",
]
