from .cutting import inherit_weights
from .importance import rank_channels
from .parent import Parent, make_parent
from .start_file import keep_parent, kept_parent

__all__ = [
    "Parent",
    "inherit_weights",
    "keep_parent",
    "kept_parent",
    "make_parent",
    "rank_channels",
]
