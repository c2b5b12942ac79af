"""Named recipes, as data: `presets.toml`, which states the source of each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def presets() -> Mapping[str, Mapping[str, Any]]:
    """The values that each name of `[recipe] preset` stands for."""
    return tomllib.loads(files("tiernas.training").joinpath("presets.toml").read_text(encoding="utf-8"))
