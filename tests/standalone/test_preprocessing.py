"""What an exported network does with an image is what its training did."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tiernas.standalone.preprocessing import network_input
from tiernas.training import IMAGE_MEAN, IMAGE_STD, normalize, resize


@pytest.mark.parametrize(("size", "resolution"), [(8, 8), (8, 32), (32, 24), (64, 48), (100, 77)])
def test_the_input_of_a_network_is_that_of_training(size: int, resolution: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, size, size, 3), dtype=np.uint8)
    trained_with = normalize(resize(torch.from_numpy(pixels).permute(0, 3, 1, 2), resolution)).numpy()
    found = network_input(pixels, resolution, IMAGE_MEAN, IMAGE_STD)
    assert found.shape == (5, 3, resolution, resolution)
    assert found.flags.c_contiguous
    one_level = 1.001 / (255 * min(IMAGE_STD))  # torch rounds some pixels the other way than Pillow
    assert np.abs(found - trained_with).max() <= (one_level if size != resolution else 0)
    assert (found == trained_with).mean() > 0.99
