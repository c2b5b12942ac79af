"""A table with entries that were really deployed."""

from __future__ import annotations

import pytest
import torch

from tiernas.networks import build
from tiernas.table import ModelTable
from tiernas.testing.deployed import add_deployed
from tiernas.testing.executors import LIGHT
from tiernas.training import DataConfig, load_data


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> ModelTable:
    """A table with a network of random weights in two runtimes and precisions, at batch 3."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(LIGHT, 10).eval()
    splits = load_data(DataConfig(kind="digits", train_limit=40))
    table = ModelTable(tmp_path_factory.mktemp("deployed") / "table")
    for engine in ("openvino", "onnxruntime"):
        for precision in ("fp32", "int8"):
            add_deployed(table, f"{engine}-{precision}", network, splits, engine, precision, batch=3)
    return table
