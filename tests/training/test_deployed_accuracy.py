"""An entry's accuracy is that of the engine at its precision, on every image of the test part."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from tiernas.deployment import try_deployment
from tiernas.engines import StopRule, TurnRule, get_engine, measure
from tiernas.networks import Network, export_onnx
from tiernas.spaces import Architecture
from tiernas.standalone.preprocessing import FloatArray, network_input
from tiernas.training import (
    IMAGE_MEAN,
    IMAGE_STD,
    RecipeConfig,
    Splits,
    calibration_draw,
    evaluate,
    load_trained,
    train,
)


@pytest.fixture(scope="module")
def trained(digits: Splits, tiny: Architecture, tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder = tmp_path_factory.mktemp("trained")
    train(tiny, digits, RecipeConfig(epochs=1), seed=0, checkpoint_dir=folder)
    return load_trained(folder)


def inputs(images: Tensor, resolution: int) -> FloatArray:
    pixels = images.permute(0, 2, 3, 1).contiguous().numpy()
    return network_input(pixels, resolution, IMAGE_MEAN, IMAGE_STD)


def counted(network: Network, splits: Splits, engine_name: str, precision: str, folder: Path) -> float:
    """Accuracy of an engine, image by image."""
    engine = get_engine(engine_name, precision=precision, batch=1, threads=1)
    resolution, test = network.architecture.resolution, splits.test
    export_onnx(network, folder / "network.onnx", batch=1)
    images = inputs(test.images, resolution)
    calibration = inputs(calibration_draw(splits), resolution)
    with engine.compile(folder / "network.onnx", calibration) as compiled:
        answers = [int(compiled.run(images[i : i + 1]).argmax()) for i in range(len(test))]
    return float(np.mean(np.array(answers) == test.labels.numpy()))


@pytest.mark.parametrize(("name", "precision"), [("openvino", "fp32"), ("openvino", "bf16"), ("onnxruntime", "int8")])
def test_the_accuracy_is_that_of_the_engine_on_the_whole_test_part(
    trained: Network, digits: Splits, name: str, precision: str, tmp_path: Path
) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed")
    if precision not in type(get_engine(name, precision="fp32", batch=1, threads=1)).precisions():
        pytest.skip(f"{name} does not run {precision} on this device")
    engine = get_engine(name, precision=precision, batch=1, threads=1)
    fp32 = evaluate(trained, digits.test, trained.architecture.resolution)
    clock, rule = partial(measure, rule=StopRule(limit_s=0.05)), TurnRule(min_s=0.0, limit_s=0.05)
    found = try_deployment(trained, digits, engine, fp32, 1.0, clock, rule, artefact=tmp_path / "a")
    assert found.accuracy == counted(trained, digits, name, precision, tmp_path)
    assert found.accuracy == pytest.approx(fp32, abs=1.5 / len(digits.test) if precision == "fp32" else 0.05)
