"""Drafts the TOML of a search from data, a device and a few wishes: `tiernas init` and `tiernas adapt`."""

from tiernas.drafting.data import data_at, look_at, photos_in
from tiernas.drafting.draft import Draft, require_new
from tiernas.drafting.draft_search import draft_search
from tiernas.drafting.target import disturbances
from tiernas.drafting.wishes import Wishes

__all__ = ["Draft", "Wishes", "data_at", "disturbances", "draft_search", "look_at", "photos_in", "require_new"]
