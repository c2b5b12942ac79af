"""Real engines run a network of random weights on real images: nothing is learnt, but both must say the same."""

from __future__ import annotations

import pytest
import torch

from tiernas.deployment import try_deployment
from tiernas.engines import get_engine
from tiernas.networks import ConvNet, build
from tiernas.testing.executors import LIGHT
from tiernas.training import DataConfig, Splits, evaluate, load_data


@pytest.fixture(scope="module")
def splits() -> Splits:
    """Handwritten digits."""
    return load_data(DataConfig(kind="digits", train_limit=40))


@pytest.fixture(scope="module")
def network() -> ConvNet:
    """A small network with fixed random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(LIGHT, 10).eval()


def test_accuracy_is_that_of_the_engine_and_a_loss_beyond_the_budget_is_not_recommended(
    network: ConvNet, splits: Splits
) -> None:
    exact = evaluate(network, splits.test, network.architecture.resolution)
    engine = get_engine("openvino", precision="int8", batch=7)
    found = try_deployment(network, splits, engine, exact_accuracy=1.0, budget_points=1.0, limit_s=0.2)
    assert found.accuracy == pytest.approx(exact, abs=0.1)
    assert not found.recommended
    assert "int8" in found.reason


def test_the_most_exact_precision_runs_in_the_engine_too_and_there_is_nothing_to_decide(
    network: ConvNet, splits: Splits
) -> None:
    exact = evaluate(network, splits.test, network.architecture.resolution)
    found = try_deployment(
        network, splits, get_engine("onnxruntime", batch=7), exact_accuracy=0.0, budget_points=1.0, limit_s=0.2
    )
    assert found.accuracy == pytest.approx(exact, abs=1.5 / len(splits.test))
    assert (found.recommended, found.reason) == (True, "")
