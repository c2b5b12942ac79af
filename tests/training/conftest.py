from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tiernas.spaces import Head, Stage, StagedArchitecture, Stem
from tiernas.training import DataConfig, Splits, load_data


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def digits() -> Splits:
    return load_data(DataConfig())


@pytest.fixture(scope="session")
def tiny() -> StagedArchitecture:
    """A network that trains on digits in a second: all blocks, squeeze-excitation, 5x5 kernels on 2x2 pixels."""
    return StagedArchitecture(
        16,
        Stem(8),
        (
            Stage("conv", 16, 3, 1, 1, "relu"),
            Stage("fused_irb", 24, 3, 2, 1, "swish", expansion=2),
            Stage("irb", 32, 5, 2, 2, "swish", expansion=4, squeeze_excite=True),
        ),
        Head(64),
    )


@pytest.fixture(scope="session")
def shared_data() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"the packed image sets are not at {folder}")
    return folder
