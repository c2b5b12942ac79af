"""The search around EfficientNet-Lite0 that all scripts of this folder share: its parent, its space, its images."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tiernas.config import SearchConfig, load_config
from tiernas.inheritance import Parent
from tiernas.job.start import begun, opened_parent, search_space
from tiernas.spaces import ParentSpace
from tiernas.training import RecipeConfig, Splits, load_data

CONFIG = Path(__file__).parent / "lite0.toml"


@dataclass(frozen=True, slots=True)
class Setting:
    """A search around a parent that has begun: its space and its parent are written in its output folder.

    Attributes:
        config: The search; its recipe begins with the parent.
        parent: The parent.
        space: The space around it.
        splits: The images.
    """

    config: SearchConfig
    parent: Parent
    space: ParentSpace
    splits: Splits

    @property
    def cache(self) -> Path:
        """The folder that all trainings share."""
        return self.config.study.output / "cache"

    def recipe(self, epochs: int) -> RecipeConfig:
        """That of the search, for some epochs."""
        return self.config.recipe.model_copy(update={"epochs": epochs})


def opened(path: Path, changes: Sequence[str] = ()) -> Setting:
    """Opens a file that `tiernas search` takes, with a parent.

    Raises:
        UsageError: Something in it must be mended first.
    """
    config = load_config(path, changes)
    parent = opened_parent(config)
    space = search_space(config, parent)
    assert parent is not None
    assert isinstance(space, ParentSpace)
    splits = load_data(config.data, config.study.output / "cache", tell=False)
    return Setting(begun(config, parent, space), parent, space, splits)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Options of every script that begins with `opened`."""
    parser.add_argument("--config", type=Path, default=CONFIG, help="a file that `tiernas search` takes, with a parent")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `tiernas search`")
