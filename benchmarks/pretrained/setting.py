"""The search around EfficientNet-Lite0 that all scripts of this folder share: parent, space and images."""

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
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Setting:
    """A started search around a parent, whose space and parent are in its output folder.

    Attributes:
        config: The search; its recipe starts from the parent.
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
        """The folder that all training runs share."""
        return self.config.study.output / "cache"

    def recipe(self, epochs: int) -> RecipeConfig:
        """The recipe of the search with another number of epochs."""
        return self.config.recipe.model_copy(update={"epochs": epochs})


def opened(path: Path, changes: Sequence[str] = ()) -> Setting:
    """Starts a search around a parent.

    Args:
        path: A configuration file for `tiernas search` with a parent.
        changes: Values of `--set`.

    Raises:
        UsageError: The configuration is invalid, or the parent or the data cannot be used.
    """
    config = load_config(path, changes)
    parent = opened_parent(config)
    space = search_space(config, parent)
    assert parent is not None
    assert isinstance(space, ParentSpace)
    splits = load_data(config.data, config.study.output / "cache", tell=False)
    return Setting(begun(config, parent, space, len(splits.classes)), parent, space, splits)


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of every script that calls `opened`."""
    parser.add_argument("--config", type=Path, default=CONFIG, help="configuration of a search with a parent")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for `tiernas search`")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the results")
