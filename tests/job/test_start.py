"""The start of a search: its parent, the space around it, and the files of both."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.minimal import write_minimal
from tests.parents import PARENT_NETWORK

from tiernas.config import SearchConfig, load_config
from tiernas.errors import UsageError
from tiernas.inheritance import kept_parent
from tiernas.job.start import begun, opened_parent, search_space
from tiernas.spaces import ParentSpace, get_space
from tiernas.training import DataConfig, RecipeConfig, load_data, train


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    splits = load_data(DataConfig(train_limit=80))
    half = (0.5, 0.5, 0.5)
    recipe = RecipeConfig(epochs=1, input_mean=half, input_std=half)
    train(PARENT_NETWORK, splits, recipe, seed=0, checkpoint_dir=folder)
    return folder


def around(folder: Path, network: object, *overrides: str) -> SearchConfig:
    file = write_minimal(folder, f'[parent]\nnetwork = "{network}"\nresolution = [24, 32]\n')
    return load_config(file, ["study.space=parent", *overrides])


def test_a_search_around_a_parent(tmp_path: Path, trained: Path) -> None:
    config = around(tmp_path, trained)
    assert config.data.image_size == 32
    parent = opened_parent(config)
    assert parent is not None
    space = search_space(config, parent)
    assert not (tmp_path / "run").exists(), "nothing is written before the data are checked"
    ready = begun(config, parent, space, 3)
    assert isinstance(space, ParentSpace)
    assert space.decode([dimension.values[-1] for dimension in space.dimensions]) == PARENT_NETWORK
    written = get_space(ready.space_name)
    assert written.digest == space.digest
    assert (parent.num_classes, written.num_classes) == (10, 3), "of the data"
    assert ready.recipe.start == ready.finalist_recipe.start == f"sha256:{parent.digest}"
    assert ready.recipe.normalization == ready.finalist_recipe.normalization == parent.normalization
    assert kept_parent(str(ready.recipe.start), tmp_path / "run" / "cache").digest == parent.digest
    assert begun(config, parent, search_space(config, parent), 3) == ready, "resumed"


def test_another_parent_needs_another_folder(tmp_path: Path, trained: Path) -> None:
    config = around(tmp_path, trained)
    parent = opened_parent(config)
    begun(config, parent, search_space(config, parent), 10)
    other = around(tmp_path, trained, "parent.channel_percent=[50, 100]")
    with pytest.raises(UsageError, match=r"space\.json belongs to a search around another parent"):
        search_space(other, parent)


def test_networks_of_another_space_start_from_a_trained_one(tmp_path: Path, trained: Path) -> None:
    config = load_config(write_minimal(tmp_path), [f"recipe.start={trained}"])
    parent = opened_parent(config)
    space = search_space(config, parent)
    ready = begun(config, parent, space, 3)
    assert (space, ready.space_name) == (get_space("gpunet-small"), "gpunet-small")
    assert str(ready.recipe.start).startswith("sha256:")
    assert [path.name[:6] for path in (tmp_path / "run" / "cache").iterdir()] == ["start-"]


def test_without_a_start_nothing_is_opened(tmp_path: Path) -> None:
    config = load_config(write_minimal(tmp_path))
    space = search_space(config, opened_parent(config))
    assert begun(config, None, space, 10) == config
    assert not (tmp_path / "run").exists()


def test_parents_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^parent\.network = 'nothing': there is no such network"):
        opened_parent(around(tmp_path, "nothing"))
    with pytest.raises(UsageError, match=r"^recipe\.start = 'nothing': there is no such network"):
        opened_parent(load_config(write_minimal(tmp_path), ["recipe.start=nothing"]))
    with pytest.raises(UsageError, match=r"^recipe\.start = 'sha256:0': .* name the network itself"):
        opened_parent(load_config(write_minimal(tmp_path), ["recipe.start='sha256:0'"]))
    missing = tmp_path / "gone.safetensors"
    with pytest.raises(UsageError, match=r"^parent\.network = 'gpunet_0': .*gone\.safetensors.* no such file"):
        opened_parent(around(tmp_path, "gpunet_0", f"parent.weights={missing}"))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["study.space=parent"], r"parent\.network is missing: study\.space = 'parent'"),
        (["parent.network=x"], r"\[parent\]: only for study\.space = 'parent', not 'gpunet-small'"),
        (["study.space=parent", "parent.network=x", "recipe.start=y"], r"recipe\.start = 'y': .*omit recipe\.start"),
        (
            ["study.space=parent", "parent.network=x", "recipe.input_mean=[0.5, 0.5, 0.5]"],
            r"recipe\.input_mean: .* use its normalization; omit it",
        ),
        (["recipe.start=y", "recipe.input_std=[1.0, 1.0, 1.0]"], r"recipe\.input_std: .*omit it"),
        (["study.space=parent", "parent.resolution=[32]"], r"parent\.network is missing"),
        (["parent.network=x", "parent.resolution=[32, 16]"], r"parent\.resolution = \[32, 16\]: must increase"),
        (["parent.network=x", "parent.resolution=[]"], r"parent\.resolution = \[\]"),
        (["parent.network=x", "parent.channel_percent=[50]"], r"channel_percent = \[50\]: must end with 100"),
        (["parent.network=x", "parent.channel_percent=[0, 100]"], r"channel_percent\.0 = 0: .* greater than or equal"),
        (
            ["study.space=parent", "parent.network=x", "parent.compared=[100]"],
            r"parent\.compared = \[100\]: 100 is not among parent\.resolution, 96, 128, 160",
        ),
        (
            ["recipe.body_learning_rate_scale=0.1"],
            r"body_learning_rate_scale = 0\.1: only for networks that start from",
        ),
        (["parent.netwrok=x"], r"unknown key parent\.netwrok; did you mean 'network'\?"),
    ],
)
def test_wrong_keys_are_named(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_config(write_minimal(tmp_path), overrides)


def test_a_network_may_be_a_name_or_a_path_next_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "best").mkdir()
    for written, meant in (("efficientnet-lite0", "efficientnet-lite0"), ("best", str(tmp_path / "best"))):
        config = around(tmp_path, written)
        assert config.parent is not None
        assert config.parent.network == meant
