"""Real engines run a network of random weights on real images: nothing is learnt, but both must say the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tiernas.artefact import read_artefact
from tiernas.deployment import try_deployment
from tiernas.engines import (
    CompiledNetwork,
    Engine,
    Measurement,
    SavedNetwork,
    StopRule,
    TurnRule,
    get_engine,
    graph_digest,
    measure,
)
from tiernas.engines.calibration import FloatArray
from tiernas.engines.clock import LocalAnchor
from tiernas.errors import TiernasError
from tiernas.executors.code_version import code_version
from tiernas.networks import Network, build, export_onnx
from tiernas.networks.normalization import Normalization
from tiernas.testing.executors import LIGHT
from tiernas.training import (
    DataConfig,
    ImageSet,
    Splits,
    accuracy_of,
    calibration_draw,
    evaluate,
    load_data,
    normalize,
    predict,
    resize,
)

RULE = TurnRule(min_s=0.0, limit_s=0.2)


def alone(compiled: CompiledNetwork) -> Measurement:
    """Shortly measured."""
    return measure(compiled, StopRule(limit_s=0.1))


@pytest.fixture(scope="module")
def splits() -> Splits:
    """Handwritten digits."""
    return load_data(DataConfig(kind="digits", train_limit=40))


@pytest.fixture(scope="module")
def network() -> Network:
    """A small network with fixed random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(LIGHT, 10).eval()


def test_accuracy_is_that_of_the_engine_and_a_loss_beyond_the_budget_is_not_recommended(
    network: Network, splits: Splits, tmp_path: Path
) -> None:
    exact = evaluate(network, splits.test, network.architecture.resolution)
    engine = get_engine("openvino", precision="int8", batch=7)
    found = try_deployment(
        network, splits, engine, 1.0, budget_points=1.0, measure=alone, rule=RULE, artefact=tmp_path / "a"
    )
    assert found.accuracy == pytest.approx(exact, abs=0.1)
    assert not found.recommended
    assert "int8" in found.reason


def test_a_low_precision_is_measured_in_turn_with_the_exact_one_and_their_ratio_decides(
    network: Network, splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = get_engine("onnxruntime", precision="int8", batch=7)
    seen: list[tuple[str, str, Measurement]] = []

    def remember(anchor: LocalAnchor, compiled: CompiledNetwork, rule: TurnRule) -> Measurement:
        found = real(anchor, compiled, rule)
        seen.append((compiled.fingerprint.precision, anchor.name, found))
        return found

    real = LocalAnchor.measure
    monkeypatch.setattr(LocalAnchor, "measure", remember)
    exact = graph_of(network, tmp_path / "exact.onnx", batch=7)
    found = try_deployment(network, splits, engine, 0.0, 1.0, measure=alone, rule=RULE, artefact=tmp_path / "a")
    ((precision, anchor, compared),) = seen
    assert (precision, anchor) == ("int8", exact)
    assert compared.in_turn is not None
    assert found.recommended == (compared.in_turn.ratio_high < 1)


def graph_of(network: Network, path: Path, batch: int) -> str:
    export_onnx(network, path, batch=batch)
    return graph_digest(path)


def test_the_most_exact_precision_runs_in_the_engine_too_and_there_is_nothing_to_decide(
    network: Network, splits: Splits, tmp_path: Path
) -> None:
    exact = evaluate(network, splits.test, network.architecture.resolution)
    engine = get_engine("onnxruntime", batch=7)
    found = try_deployment(
        network, splits, engine, 0.0, budget_points=1.0, measure=alone, rule=RULE, artefact=tmp_path / "a"
    )
    assert found.accuracy == pytest.approx(exact, abs=1.5 / len(splits.test))
    assert (found.recommended, found.reason) == (True, "")
    assert found.code_version == code_version()


def test_images_are_normalized_as_the_network_was_trained(network: Network, splits: Splits, tmp_path: Path) -> None:
    wanted = Normalization((0.5, 0.4, 0.3), (0.2, 0.3, 0.4))
    resolution = network.architecture.resolution
    predicted = predict(network, splits.test, resolution, normalization=wanted)
    exact = accuracy_of(predicted, splits.test.labels).top1
    engine = get_engine("onnxruntime", batch=7)
    found = try_deployment(
        network, splits, engine, 0.0, 1.0, measure=alone, rule=RULE, artefact=tmp_path / "a", normalization=wanted
    )
    assert found.accuracy == pytest.approx(exact, abs=1.5 / len(splits.test))
    preprocessing = read_artefact(tmp_path / "a")["preprocessing"]
    assert (preprocessing["mean"], preprocessing["std"]) == (list(wanted.mean), list(wanted.std))


def by_class(part: ImageSet) -> ImageSet:
    """As the images of a folder lie: all of the first class, then all of the second."""
    order = part.labels.argsort(stable=True)
    return replace(part, images=part.images[order], labels=part.labels[order])


def rows_of(images: torch.Tensor, part: ImageSet) -> list[int]:
    """Where each image stands in a part; -1 where it does not."""
    places = {image.numpy().tobytes(): row for row, image in enumerate(part.images)}
    return [places.get(image.numpy().tobytes(), -1) for image in images]


def test_int8_is_calibrated_with_training_images_of_all_classes(
    network: Network, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    loaded = load_data(DataConfig(kind="digits", train_limit=600))
    ordered = replace(loaded, train=by_class(loaded.train), test=by_class(loaded.test))
    engine = get_engine("onnxruntime", precision="int8", batch=10)
    given: list[FloatArray | None] = []
    compile_it = type(engine).compile

    def remember(self: Engine, path: Path, calibration: FloatArray | None = None) -> CompiledNetwork:
        given.append(calibration)
        return compile_it(self, path, calibration)

    monkeypatch.setattr(type(engine), "compile", remember)
    try_deployment(network, ordered, engine, 1.0, budget_points=1.0, measure=alone, rule=RULE, artefact=tmp_path / "a")
    drawn = calibration_draw(ordered)
    calibration = given[0]
    assert calibration is not None
    assert torch.equal(torch.from_numpy(calibration), normalize(resize(drawn, network.architecture.resolution)))
    rows = rows_of(drawn, ordered.train)
    assert min(rows) >= 0
    assert len(set(rows)) == len(rows) == 256
    assert set(rows_of(drawn, ordered.test)) == {-1}
    shares = torch.bincount(ordered.train.labels[rows], minlength=10) / 256
    assert torch.allclose(shares, torch.bincount(ordered.train.labels) / 600, atol=0.005)
    assert rows != sorted(rows)
    assert rows_of(calibration_draw(ordered), ordered.train) == rows


def test_more_classes_than_images_are_drawn() -> None:
    classes = tuple(map(str, range(50)))
    part = ImageSet(torch.arange(100, dtype=torch.uint8).view(100, 1, 1, 1), torch.arange(100) // 2, classes)
    drawn = calibration_draw(Splits(part, part, part, True, (), ""), size=20).flatten()
    assert len(set((drawn // 2).tolist())) == 20


def test_what_is_measured_has_the_trained_weights_and_is_what_was_saved(
    network: Network, splits: Splits, tmp_path: Path
) -> None:
    images = np.random.default_rng(0).standard_normal((7, 3, 32, 32), dtype=np.float32)
    measured: list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = []

    def remember(compiled: CompiledNetwork) -> Measurement:
        measured.append(compiled.run(images))
        return alone(compiled)

    engine = get_engine("onnxruntime", batch=7)
    found = try_deployment(
        network, splits, engine, 0.0, budget_points=1.0, measure=remember, rule=RULE, artefact=tmp_path / "a"
    )
    with torch.no_grad():
        np.testing.assert_allclose(measured[0], network(torch.from_numpy(images)).numpy(), rtol=1e-3, atol=1e-4)
    assert found.latency is not None
    assert found.latency["latency_ms"] > 0
    assert found.fingerprint == engine.fingerprint().to_dict() == read_artefact(tmp_path / "a")["measured_on"]
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_an_engine_that_saves_another_network_than_it_measures_is_found_out(
    network: Network, splits: Splits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = get_engine("onnxruntime", precision="int8")
    export_onnx(network, tmp_path / "plain.onnx")
    with get_engine("onnxruntime").compile(tmp_path / "plain.onnx") as plain:

        def save(compiled: CompiledNetwork, folder: Path) -> SavedNetwork:
            return real(plain, folder)

        real = type(plain).save
        monkeypatch.setattr(type(plain), "save", save)
        with pytest.raises(TiernasError, match="onnxruntime int8: the saved network differs from the measured one"):
            try_deployment(
                network, splits, engine, 0.0, budget_points=1.0, measure=alone, rule=RULE, artefact=tmp_path / "a"
            )
    assert [file.name for file in tmp_path.iterdir()] == ["plain.onnx"]
