"""The chosen resolutions, tiers and sizes, and the configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.drafting.photos import inspected

from tiernas.config import load_config
from tiernas.config.file import checked_config, override
from tiernas.drafting import Adaptation
from tiernas.drafting.choices import (
    RESOLUTIONS,
    batch_size_for,
    compared_resolutions,
    edges_up_to,
    resolutions_for,
    search_values,
    study_name,
)
from tiernas.drafting.duration import Duration
from tiernas.drafting.reach import Reach
from tiernas.drafting.toml_text import toml_text
from tiernas.errors import UsageError
from tiernas.training.inspection import Inspection

REACH = Reach(0.3, {64: 1.0, 96: 1.9, 128: 3.2, 160: 5.0})


def chosen(output: Path, *, precision: str = "fp32", threads: int = 1) -> dict[str, dict[str, Any]]:
    return search_values(
        photos(),
        edges=edges_up_to(2.0, REACH),
        compared=compared_resolutions(2.0, REACH),
        engine="openvino",
        precision=precision,
        threads=threads,
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
        (4.8, [0.6, 1.2, 2.4, 4.8]),
        (100.0, [0.625, 1.25, 2.5, 5.0]),
    ],
)
def test_tiers_end_with_the_budget_or_with_the_slowest_network(max_latency_ms: float, edges: list[float]) -> None:
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
    assert config.recipe.body_learning_rate_scale < 1
    assert config.finalist_recipe.epochs > config.recipe.epochs
    output.write_text(toml_text(values), encoding="utf-8")
    assert load_config(output) == config


def test_a_plan_is_described_and_written_once(tmp_path: Path) -> None:
    output = tmp_path / "new" / "cats.toml"
    values = chosen(output)
    override(values, "workers.count=3")
    config = checked_config(values, output)
    planned = Adaptation(photos(), REACH, config, toml_text(values), Duration(600.0, 1200.0))
    said = "\n".join(planned.lines)
    assert "efficientnet-lite0 takes 1 ms at 64 px, 1.9 ms at 96 px, 3.2 ms at 128 px, 5 ms at 160 px" in said
    assert "in the tiers 0.5-1 ms, 1-2 ms: 24 networks per tier" in said
    assert "the whole network at 64, 96, 128 px" in said
    assert "about 30 minutes (10 minutes of measuring, 20 minutes of training) with 3 workers" in said
    planned.write(output)
    with pytest.raises(UsageError, match="exists and is not overwritten"):
        planned.write(output)
    assert load_config(output) == config
