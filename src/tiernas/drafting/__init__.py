"""Drafts the TOML of a search from data, a device and a few wishes: `tiernas init` and `tiernas adapt`."""

from tiernas.drafting.adaptation import Adaptation, plan_adaptation, require_new
from tiernas.drafting.data import look_at, photos_in

__all__ = ["Adaptation", "look_at", "photos_in", "plan_adaptation", "require_new"]
