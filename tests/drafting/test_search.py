"""Drafted searches, from latencies and training steps that are made up instead of measured."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.drafting.photos import inspected, write_photos

from tiernas.blocks.rows import IntArray
from tiernas.config import load_config
from tiernas.drafting import Draft, Wishes, data_at, draft_search, look_at
from tiernas.drafting.choices import PARENT_NETWORK
from tiernas.engines import Engine, Measurement
from tiernas.errors import UsageError
from tiernas.plan.steps import StepTimes
from tiernas.pretrained.efficientnet_lite import lite
from tiernas.spaces import Architecture, SearchSpace, get_space
from tiernas.testing.latency import measurement, true_layer_ms


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Architecture]:
    """The networks that were measured to see what is in reach."""
    found: list[Architecture] = []

    def measure(architecture: Architecture, *_: Any) -> Measurement:
        found.append(architecture)
        return measurement(float(true_layer_ms(architecture).sum()))

    def latencies(space: SearchSpace, _: Engine, vectors: IntArray, __: int) -> tuple[list[float], float]:
        return [float(true_layer_ms(space.decode(vector)).sum()) for vector in vectors], 5.0

    def times(networks: list[tuple[Architecture, float]], *_: Any, **__: Any) -> list[StepTimes]:
        return [StepTimes(1e-10 * macs, 3e-11 * macs, 400.0) for _, macs in networks]

    monkeypatch.setattr("tiernas.drafting.reach.measure_architecture", measure)
    monkeypatch.setattr("tiernas.plan.sampled_space._measured", latencies)
    monkeypatch.setattr("tiernas.plan.sampled_space.step_times", times)
    monkeypatch.setattr("tiernas.plan.sampled_space._SAMPLED", 1024)
    monkeypatch.setattr("tiernas.drafting.search._trains_on_gpu", lambda: False)
    return found


def adapted(folder: Path, max_latency_ms: float | None, *overrides: str) -> Draft:
    photos = inspected(folder / "photos", training=100, typical_px=100)
    always = ("parent.weights=fresh", "tiers.pool=1024", "workers.count=3")
    wishes = Wishes("parent", max_latency_ms, "openvino")
    return draft_search(photos, folder / "photos.toml", wishes, (*always, *overrides))


def drafted(folder: Path, *overrides: str, training: int = 1000, typical_px: int = 40, **wishes: Any) -> Draft:
    data = inspected(folder / "photos", training=training, typical_px=typical_px)
    wanted: dict[str, Any] = {"engine": "openvino", "hours": 8.0, **wishes}
    return draft_search(data, folder / "mine.toml", Wishes(**wanted), ("workers.count=2", *overrides))


def test_the_fastest_network_is_measured_first(tmp_path: Path, measured: list[Architecture]) -> None:
    found = adapted(tmp_path, 1000.0)
    fastest, *whole = measured
    assert whole == [lite(PARENT_NETWORK).resized(resolution) for resolution in (64, 96)]
    fastest_ms, *whole_ms = (float(true_layer_ms(network).sum()) for network in measured)
    assert fastest_ms < whole_ms[0] < whole_ms[1]
    said = "\n".join(found.lines)
    assert f"{PARENT_NETWORK} takes {whole_ms[0]:.3g} ms at 64 px, {whole_ms[1]:.3g} ms at 96 px; " in said
    assert f"its fastest part takes {fastest_ms:.3g} ms" in said
    assert fastest.resolution == 64
    assert list(tmp_path.iterdir()) == [], "nothing is written"


@pytest.mark.parametrize(
    ("max_latency_ms", "overrides", "message"),
    [
        (
            0.001,
            [],
            r"^--max-latency-ms 0\.001: the fastest part of efficientnet-lite0 takes .* ms here \(openvino fp32, 1 ",
        ),
        (
            1000.0,
            ["tiers.edges=[0.001, 0.002, 1000]", "engine.threads=2"],
            r"^tiers\.edges: the first tier ends at 0\.002: the fastest part .* \(openvino fp32, 2 threads\)",
        ),
    ],
)
def test_a_budget_below_the_fastest_network_is_refused_after_one_measurement(
    tmp_path: Path, measured: list[Architecture], max_latency_ms: float, overrides: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        adapted(tmp_path, max_latency_ms, *overrides)
    assert len(measured) == 1


def test_overrides_decide_what_is_measured(tmp_path: Path, measured: list[Architecture]) -> None:
    found = adapted(tmp_path, None, "parent.resolution=[72, 80]", "parent.channel_percent=[100]")
    assert [architecture.resolution for architecture in measured[1:]] == [72, 80]
    assert found.config.parent is not None
    assert found.config.parent.compared == (72, 80)
    fastest_ms, whole_ms, _ = (true_layer_ms(network).sum() for network in measured)
    assert fastest_ms > 0.1 * whole_ms, "no channels are cut"


def test_a_draft_is_described_and_written_once(tmp_path: Path, measured: list[Architecture]) -> None:
    found, output = adapted(tmp_path, 1000.0), tmp_path / "new" / "photos.toml"
    said = "\n".join(found.lines)
    assert "searching parts of efficientnet-lite0 in the tiers " in said
    assert ": 24 networks per tier are fine-tuned for 5 epochs, the best 2 for 20" in said
    assert "for comparison: the whole network at 64, 96 px, fine-tuned for 20 epochs" in said
    assert f"this takes {found.plan.words}; " in said
    assert " with 3 workers (" in found.plan.words
    found.write(output)
    with pytest.raises(UsageError, match="exists and is not overwritten"):
        found.write(output)
    assert load_config(output) == found.config


def test_small_images_are_searched_from_scratch(tmp_path: Path, measured: list[Architecture]) -> None:
    found = drafted(tmp_path)
    config = found.config
    assert (config.study.name, config.study.space, config.parent) == ("mine", "mobile-small", None)
    assert (config.recipe.batch_size, config.recipe.epochs, config.finalists.epochs) == (64, 13, 52)
    assert len(config.tiers.edges) == 4
    latencies = "nine of ten networks of mobile-small take about "
    assert any(line.startswith(latencies) for line in found.lines)
    assert not measured
    assert tomllib.loads(found.toml)["search"]["trainings"] == config.search.trainings
    assert "# A search for: 1384 images of 2 classes (692 of each): 1000 for training" in found.toml
    assert "# ms; the best networks of each tier are found. " in found.toml
    assert "#     flip = false" in found.toml


def test_a_search_from_random_weights_has_rivals(tmp_path: Path, measured: list[Architecture]) -> None:
    found = drafted(tmp_path, space="gpunet-small")
    assert tomllib.loads(found.toml)["rivals"] == {"sets": "small"}
    assert found.config.rivals.names == ("mobilenetv2-0.35", "mobilenetv2-0.5")
    assert [part.networks for part in found.plan.parts if part.what == "rivals trained"] == [1, 1]
    assert all(part.seconds for part in found.plan.parts if part.what == "rivals trained")
    started = drafted(tmp_path, "recipe.start=efficientnet-lite0", space="gpunet-small")
    assert not started.config.rivals.names, "they would begin with random weights"
    assert not adapted(tmp_path, 1000.0).config.rivals.names, "the whole parent is compared"


def test_the_search_fits_into_the_time(tmp_path: Path, measured: list[Architecture]) -> None:
    whole_s = drafted(tmp_path, training=20_000, hours=1e6).plan.seconds
    assert whole_s is not None
    sizes = []
    for share in (1.01, 0.6, 0.35):
        found = drafted(tmp_path, training=20_000, hours=share * whole_s / 3600)
        assert found.plan.seconds is not None
        assert found.plan.seconds <= share * whole_s
        assert not found.doubts
        sizes.append(found.config.search.trainings * len(found.config.tier_list()))
    assert sizes[0] == 40 * 3
    assert sizes[0] > sizes[1] > sizes[2]


def test_a_search_that_cannot_be_shorter_says_so(tmp_path: Path, measured: list[Architecture]) -> None:
    found = drafted(tmp_path, training=1_000_000, hours=1.0)
    (doubt,) = found.doubts
    assert doubt.startswith("even the shortest search takes longer than 60 minutes; with fewer training images it is")
    assert "--set data.train_limit=" in doubt
    assert doubt in list(found.warnings)
    assert len(found.config.tier_list()) == 1


def test_a_budget_ends_the_tiers(tmp_path: Path, measured: list[Architecture]) -> None:
    space = get_space("gpunet-small")
    latencies = [float(true_layer_ms(space.decode(vector)).sum()) for vector in space.sample(64)]
    budget = round(float(np.median(latencies)), 3)
    assert drafted(tmp_path, space="gpunet-small", max_latency_ms=budget).config.tiers.edges[-1] == budget
    with pytest.raises(UsageError, match=r"^--max-latency-ms 0\.0001: the fastest of \d+ networks takes about "):
        drafted(tmp_path, space="gpunet-small", max_latency_ms=0.0001)


def test_data_that_an_override_limits_are_looked_at_again(tmp_path: Path, measured: list[Architecture]) -> None:
    write_photos(tmp_path / "photos", {"cat": 100, "dog": 100})
    data = look_at(data_at(str(tmp_path / "photos")), "DATA")
    found = draft_search(data, tmp_path / "mine.toml", Wishes(engine="openvino"), ["data.train_limit=40"])
    assert (found.basis.data.train, found.config.data.train_limit, found.config.recipe.batch_size) == (40, 40, 8)


def test_networks_of_tokens_get_their_recipe(tmp_path: Path, measured: list[Architecture]) -> None:
    config = drafted(tmp_path, space="vit-small").config
    assert (config.recipe.epochs, config.recipe.mixup_alpha, config.finalists.epochs) == (30, 0.8, 120)


@pytest.mark.parametrize(
    ("overrides", "wishes", "message"),
    [
        ([], {"engine": "openvion"}, r"engine\.name = 'openvion': .*did you mean"),
        ([], {"space": "gpunet-smal"}, r"gpunet-smal.*did you mean"),
        (["search.tranings=3"], {}, r"unknown key search\.tranings"),
        (["study.space=vit-small"], {}, "`tiernas init --space vit-small`"),
        (["recipe.batch_size=4000"], {}, r"recipe\.batch_size = 4000: there are only 1000 training images"),
    ],
)
def test_a_wrong_wish_is_refused_before_anything_is_measured(
    tmp_path: Path, measured: list[Architecture], overrides: list[str], wishes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        drafted(tmp_path, *overrides, **wishes)
    assert not measured
