"""Sets of rivals by name."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


@cache
def rival_sets() -> Mapping[str, tuple[str, ...]]:
    """The names of the rivals of every set."""
    text = (files("tiernas.rivals") / "sets.toml").read_text("utf-8")
    return {name: tuple(found["networks"]) for name, found in tomllib.loads(text).items()}
