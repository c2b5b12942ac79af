"""The page on plug-ins quotes the package of examples/plugin, and the package is what the page says."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.example import CODE, EXAMPLE, OFFERED, install_example, module

from tiernas.blocks import BlockRows, ModuleOptions, layer_from_dict
from tiernas.catalogue import KINDS
from tiernas.config import SearchConfig, load_config
from tiernas.engines import get_engine
from tiernas.errors import UsageError
from tiernas.training import normalize
from tiernas.training.sources import open_source
from tiernas.training.teachers.plugin import teacher_function

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "extending.md").read_text(encoding="utf-8")
QUOTED = re.findall(r"```(?:python|toml)\n(.*?)```", PAGE, re.S)
FILES = [*EXAMPLE.glob("*.toml"), *CODE.glob("*.py"), *EXAMPLE.glob("tests/*.py")]


@pytest.fixture
def study(site: Path) -> SearchConfig:
    """The study of the package, which is installed, and its data written."""
    install_example(site)
    path = site / "digits.npz"
    module("digits").write_digits(path)
    return load_config(EXAMPLE / "study.toml", [f"{key}.path={path}" for key in ("data", "recipe.teacher")])


def test_every_kind_and_its_group_are_on_the_page() -> None:
    for kind in KINDS:
        assert f"`{kind.key}`" in PAGE
        assert f'"{kind.group}"' in PAGE


@pytest.mark.parametrize("quoted", QUOTED)
def test_what_the_page_quotes_stands_in_the_package(quoted: str) -> None:
    assert any(quoted in file.read_text(encoding="utf-8") for file in FILES)


@pytest.mark.parametrize("page", [DOCS / "extending.md", EXAMPLE / "README.md"])
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http|#)([^)]+)\)", page.read_text(encoding="utf-8"))
    assert links
    for target in links:
        assert (page.parent / target.partition("#")[0]).exists(), target


def test_each_file_can_be_read_in_one_go() -> None:
    for file in CODE.glob("*.py"):
        assert len(file.read_text().splitlines()) <= 165, file.name


def test_its_study_names_something_of_every_kind(study: SearchConfig) -> None:
    assert study.data.image_size == 48, "the largest resolution of its space"
    assert study.recipe.teacher is not None
    named = {
        "tiernas.spaces": study.study.space,
        "tiernas.engines": study.engine.name,
        "tiernas.optimizers": study.search.optimizer,
        "tiernas.data": study.data.kind,
        "tiernas.teachers": study.recipe.teacher.kind,
    }
    for group, name in named.items():
        ((offered, reference),) = OFFERED[group].items()
        assert name in (offered, reference)
    assert type(get_engine(study.engine.name)) is module("engine").CameraEngine
    assert type(study.search.optimizer_factory()([2, 3], seed=1)) is module("optimizer").Annealing


def test_the_names_that_it_offers_can_be_used(site: Path) -> None:
    install_example(site)
    for kind in KINDS:
        (line,) = [line for line in kind.listed() if line.origin == "acme_tiernas 1.0"]
        assert line.problem is None
        assert OFFERED[kind.group] == {line.name: line.reference}


def test_its_block_is_a_layer(site: Path) -> None:
    install_example(site)
    fields = {"in_channels": 8, "mid_channels": 2, "out_channels": 12, "kernel": 3, "stride": 2, "in_size": 5}
    layer = layer_from_dict({"block": "sandglass", **fields}, "layer")
    assert layer.module(ModuleOptions()).eval()(torch.zeros(2, *layer.in_shape)).shape[1:] == layer.out_shape
    moved = 25 * (8 + 8) + 25 * (8 + 2) + 25 * (2 + 12) + 25 * 12 + 9 * 12
    assert BlockRows.of([layer]).work().tolist() == [[9 * (25 * 8 + 9 * 12), 25 * 2 * 20, 9 * 20 + 2 * 20, moved]]
    with pytest.raises(UsageError, match=r"layer\.kernel = 4: must be odd"):
        layer_from_dict({"block": "sandglass", **fields, "kernel": 4}, "layer")


def test_its_data_are_the_digits_in_three_parts(study: SearchConfig) -> None:
    source = open_source(study.data)
    assert source.classes == tuple("0123456789")
    assert not source.flip_safe
    parts = [source.train, source.validation, source.test]
    assert [len(part.labels) for part in parts if part] == [1257, 270, 270]
    assert source.train.read(3).size == (8, 8)


def test_its_data_may_be_those_of_medmnist(study: SearchConfig, tmp_path: Path) -> None:
    images = np.arange(4 * 8 * 8 * 3, dtype=np.uint8).reshape(4, 8, 8, 3)
    np.savez(tmp_path / "colours.npz", train_images=images, train_labels=np.array([[0], [1], [1], [0]], np.uint8))
    changes = {"path": tmp_path / "colours.npz", "options": {"classes": ["ill", "healthy"]}}
    source = open_source(study.data.model_copy(update=changes))
    assert (source.classes, source.validation, source.test) == (("ill", "healthy"), None, None)
    assert source.train.labels.tolist() == [0, 1, 1, 0]
    np.testing.assert_array_equal(np.asarray(source.train.read(2)), images[2])
    np.savez(tmp_path / "empty.npz", images=images)
    with pytest.raises(UsageError, match=r"empty\.npz': has no train_images; write an \.npz file that has"):
        open_source(study.data.model_copy(update={"path": tmp_path / "empty.npz"}))


def test_its_teacher_knows_digits_that_it_has_not_seen(study: SearchConfig) -> None:
    assert study.recipe.teacher is not None
    test = open_source(study.data).test
    assert test is not None
    pixels = np.stack([np.asarray(test.read(row).convert("RGB")) for row in range(len(test.labels))])
    logits = teacher_function(study.recipe.teacher)(10)(normalize(torch.from_numpy(pixels).permute(0, 3, 1, 2)))
    assert (logits.argmax(1).numpy() == test.labels).mean() > 0.8
