"""What the page on plug-ins shows works as it stands there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import numpy as np
import torch
from tests.minimal import MINIMAL
from tests.packages import write_package

from tiernas.blocks import BlockRows, ModuleOptions, get_block, layer_from_dict
from tiernas.catalogue import KINDS
from tiernas.config import load_config
from tiernas.engines import get_engine
from tiernas.training.sources import open_source

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text(encoding="utf-8")
TOMLS = re.findall(r"```toml\n(.*?)```", PAGE, re.S)
(CODE, SUITE) = re.findall(r"```python\n(.*?)```", PAGE, re.S)


def test_every_kind_and_its_group_are_on_the_page() -> None:
    for kind in KINDS:
        assert f"`{kind.key}`" in PAGE
        assert f'"{kind.group}"' in PAGE


def test_the_configuration_and_the_code_fit(site: Path) -> None:
    write_package(site, "mine", {"": CODE})
    np.savez(site / "slides.npz", images_20x=np.zeros((9, 8, 8), np.uint8), labels=np.arange(9) % 2)
    own = tomllib.loads(TOMLS[0])
    path = site / "mine.toml"
    path.write_text(MINIMAL)
    overrides = [f"{section}.{key}={_toml(value)}" for section, keys in own.items() for key, value in keys.items()]
    config = load_config(path, overrides)
    assert config.data.image_size == 64
    assert config.search.optimizer_factory()([2, 3], seed=1).cooling == 0.9  # type: ignore[attr-defined]
    assert get_engine(config.engine.name).name == "my-openvino"
    source = open_source(config.data.model_copy(update={"path": site / "slides.npz"}))
    assert source.train.read(3).size == (8, 8)
    assert config.recipe.teacher is not None
    assert config.recipe.teacher.reference == "mine:teacher"


def test_the_names_that_it_offers_can_be_used(site: Path) -> None:
    offered = tomllib.loads(TOMLS[1])["project"]["entry-points"]
    write_package(site, "mine", {"": CODE}, entry_points=offered)
    for kind in KINDS:
        (line,) = [line for line in kind.listed() if line.origin == "mine 1.0"]
        assert line.problem is None
        assert offered[kind.group] == {line.name: line.reference}


def test_its_block_is_a_layer(site: Path) -> None:
    write_package(site, "mine", {"": CODE}, entry_points=tomllib.loads(TOMLS[1])["project"]["entry-points"])
    get_block.cache_clear()
    layer = layer_from_dict({"block": "pool", "channels": 8, "in_size": 6}, "layer")
    assert layer.module(ModuleOptions())(torch.zeros(2, *layer.in_shape)).shape[1:] == layer.out_shape
    assert BlockRows.of([layer]).work().tolist() == [[8 * 36]]
    assert BlockRows.of([layer, layer]).likeness().shape == (2, 2)


def test_the_suite_is_one_of_tests() -> None:
    namespace: dict[str, object] = {}
    exec(SUITE, namespace)
    assert any(name.startswith("test_") for name in dir(namespace["TestMine"]))


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return repr(value)
