from .data import data_at, look_at, photos_in
from .draft import Draft
from .output import require_new
from .search import draft_search
from .target import disturbances
from .wishes import Wishes

__all__ = ["Draft", "Wishes", "data_at", "disturbances", "draft_search", "look_at", "photos_in", "require_new"]
