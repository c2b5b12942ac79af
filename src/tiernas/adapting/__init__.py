"""`tiernas adapt`: from a folder of photos and a latency budget to a search around a pretrained network."""

from tiernas.adapting.adaptation import Adaptation, plan_adaptation, require_new
from tiernas.adapting.photos import Photos, look_at

__all__ = ["Adaptation", "Photos", "look_at", "plan_adaptation", "require_new"]
