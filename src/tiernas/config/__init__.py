"""The TOML file of a search."""

from tiernas.config.config import SearchConfig
from tiernas.config.file import load_config

__all__ = ["SearchConfig", "load_config"]
