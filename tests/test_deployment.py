"""Real engines run a network of random weights on real images: nothing is learnt, but both must say the same."""

from __future__ import annotations

import pytest
import torch

from tiernas import deployment
from tiernas.deployment import try_deployment
from tiernas.engines import get_engine
from tiernas.networks import ConvNet, build
from tiernas.spaces import get_space
from tiernas.training import DataConfig, Splits, evaluate, load_data


@pytest.fixture(scope="module")
def splits() -> Splits:
    """Handwritten digits."""
    return load_data(DataConfig(kind="digits", train_limit=40))


@pytest.fixture(scope="module")
def network() -> ConvNet:
    """A small network with fixed random weights."""
    space = get_space("gpunet-small")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(space.decode(space.sample(8)[5]), 10).eval()


def test_accuracy_is_that_of_the_engine_and_a_loss_beyond_the_budget_is_not_recommended(
    network: ConvNet, splits: Splits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment, "MEASURE_LIMIT_S", 0.2)
    exact = evaluate(network, splits.test, network.architecture.resolution)
    engine = get_engine("openvino", precision="int8", batch=7)
    more_exact = engine.more_exact()
    assert more_exact is not None
    found = try_deployment(network, splits, engine, more_exact, exact_accuracy=1.0, budget_points=1.0)
    assert found.accuracy == pytest.approx(exact, abs=0.1)
    assert not found.recommended
    assert "int8" in found.reason
