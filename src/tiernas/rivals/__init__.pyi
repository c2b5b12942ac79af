from .names import RivalName
from .opening import Rival, open_rival
from .sets import rival_sets

__all__ = [
    "Rival",
    "RivalName",
    "open_rival",
    "rival_sets",
]
