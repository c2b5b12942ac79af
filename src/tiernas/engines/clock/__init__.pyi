from .in_turn import Anchor, TurnRule, measure_in_turn

__all__ = ["Anchor", "TurnRule", "measure_in_turn"]
