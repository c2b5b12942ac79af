from .anchor import Anchor, Trace
from .in_turn import LocalAnchor
from .rule import TurnRule

__all__ = ["Anchor", "LocalAnchor", "Trace", "TurnRule"]
