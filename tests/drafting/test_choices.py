"""The chosen spaces, resolutions, tiers and sizes, and the configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.drafting.photos import inspected

from tiernas.config import load_config
from tiernas.config.file import checked_config, override
from tiernas.drafting.choices import (
    RESOLUTIONS,
    attempts,
    batch_size_for,
    chosen_space,
    compared_resolutions,
    edges_up_to,
    recipe_for,
    resolutions_for,
    search_values,
    study_name,
)
from tiernas.drafting.reach import Reach
from tiernas.drafting.toml_text import toml_text
from tiernas.training.inspection import Inspection

REACH = Reach(0.3, {64: 1.0, 96: 1.9, 128: 3.2, 160: 5.0})


def chosen(output: Path, *, precision: str = "fp32", threads: int = 1, on_gpu: bool = False) -> dict[str, Any]:
    return search_values(
        photos(),
        space="parent",
        edges=edges_up_to(2.0, REACH),
        trainings=24,
        compared=compared_resolutions(2.0, REACH),
        engine={"name": "openvino", "precision": precision, "threads": threads},
        on_gpu=on_gpu,
        output=output,
    )


def photos(*, training: int = 1000, typical_px: int = 170) -> Inspection:
    return inspected(Path("/data/my photos"), training=training, typical_px=typical_px)


@pytest.mark.parametrize(
    ("typical_px", "resolutions"), [(20, (64, 96)), (95, (64, 96)), (170, (64, 96, 128, 160)), (3000, RESOLUTIONS)]
)
def test_resolutions_do_not_exceed_the_photos(typical_px: int, resolutions: tuple[int, ...]) -> None:
    assert resolutions_for(photos(typical_px=typical_px)) == resolutions


@pytest.mark.parametrize(
    ("max_latency_ms", "edges"),
    [
        (0.31, [0.155, 0.31]),
        (0.9, [0.45, 0.9]),
        (2.0, [0.5, 1.0, 2.0]),
        (None, [0.625, 1.25, 2.5, 5.0]),
        (4.8, [0.6, 1.2, 2.4, 4.8]),
        (100.0, [0.625, 1.25, 2.5, 5.0]),
    ],
)
def test_tiers_end_with_the_budget_or_with_the_slowest_network(
    max_latency_ms: float | None, edges: list[float]
) -> None:
    assert edges_up_to(max_latency_ms, REACH) == edges


@pytest.mark.parametrize(
    ("max_latency_ms", "resolutions"), [(0.5, (64,)), (2.0, (64, 96, 128)), (9.0, (64, 96, 128, 160))]
)
def test_the_whole_is_compared_within_the_budget_and_one_step_beyond(
    max_latency_ms: float, resolutions: tuple[int, ...]
) -> None:
    assert compared_resolutions(max_latency_ms, REACH) == resolutions


@pytest.mark.parametrize(("training", "batch_size"), [(14, 8), (100, 12), (5000, 64)])
def test_few_photos_have_small_batches(training: int, batch_size: int) -> None:
    assert batch_size_for(photos(training=training)) == batch_size


@pytest.mark.parametrize(
    ("file", "name"), [("my photos.toml", "my-photos"), ("_ü_.toml", "photos"), ("a.b.toml", "a-b")]
)
def test_the_study_is_named_after_the_file(file: str, name: str) -> None:
    assert study_name(Path(file)) == name


def test_the_file_repeats_the_search(tmp_path: Path) -> None:
    output = tmp_path / "cats.toml"
    values = chosen(output, precision="int8", threads=2)
    override(values, "search.screen.epochs=[2]")
    override(values, f"latency.table={tmp_path}/table.jsonl")
    config = checked_config(values, output)
    assert config.parent is not None
    assert (config.parent.resolution, config.parent.compared) == ((64, 96, 128, 160), (64, 96, 128))
    assert (config.data.image_size, config.study.output) == (160, tmp_path / "runs" / "cats")
    assert (config.engine.precision, config.engine.threads) == ("int8", 2)
    assert config.recipe.ema_decay > 0, "of the preset for fine-tuning"
    assert config.finalist_recipe.epochs > config.recipe.epochs
    output.write_text(toml_text(values), encoding="utf-8")
    assert load_config(output) == config


def test_the_file_of_a_machine_with_a_gpu_trains_on_it(tmp_path: Path) -> None:
    config = checked_config(chosen(tmp_path / "cats.toml", on_gpu=True), tmp_path / "cats.toml")
    assert (config.workers.executor, config.workers.gpus) == ("ray", 1)


def test_the_space_fits_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def space(training: int, typical_px: int, *, on_gpu: bool = False) -> str:
        return chosen_space(photos(training=training, typical_px=typical_px), on_gpu=on_gpu)

    monkeypatch.setattr("tiernas.drafting.choices.find_spec", lambda name: name)
    assert space(1000, 200) == "parent"
    assert space(1000, 40) == "mobile-small"
    assert space(50_000, 200) == "mobile-small"
    assert space(50_000, 200, on_gpu=True) == "mobile"
    monkeypatch.setattr("tiernas.drafting.choices.find_spec", lambda _: None)
    assert space(1000, 200) == "mobile-small", "the pretrained network is not installed"


@pytest.mark.parametrize(("training", "epochs"), [(200, 20), (1257, 10), (10_000, 4), (10**6, 4)])
def test_few_images_are_trained_on_for_more_epochs(training: int, epochs: int) -> None:
    recipe, finalists = recipe_for(photos(training=training), "gpunet-small")
    assert (recipe["epochs"], finalists) == (epochs, 4 * epochs)


def test_attempts_become_shorter_and_keep_the_slower_tiers() -> None:
    edges = [0.25, 0.5, 1.0, 2.0]
    assert list(attempts(edges, limited=False)) == [(edges, 24)]
    found = list(attempts(edges, limited=True))
    assert found[0] == (edges, 40)
    assert found[-1] == ([1.0, 2.0], 8)
    sizes = [(len(some) - 1) * trainings for some, trainings in found]
    assert sizes == sorted(sizes, reverse=True)
    assert next(attempts([1.0, 2.0], limited=True)) == ([1.0, 2.0], 40)
