from .names import RivalName
from .opening import Rival, open_rival, open_rivals
from .sets import rival_sets

__all__ = [
    "Rival",
    "RivalName",
    "open_rival",
    "open_rivals",
    "rival_sets",
]
