from __future__ import annotations

import numpy as np
import pytest

from tiernas.engines.calibration import calibration_images


@pytest.mark.parametrize(("count", "batch", "taken"), [(100, 64, 64), (300, 7, 294), (96, 32, 96)])
def test_what_no_batch_is_left_for_is_not_all_of_the_last_class(count: int, batch: int, taken: int) -> None:
    images = np.arange(count, dtype=np.float32).reshape(count, 1, 1, 1)
    rows = calibration_images(images, (batch, 1, 1, 1)).ravel().astype(int)
    assert len(set(rows.tolist())) == taken
    assert (rows[0], rows[-1]) == (0, count - 1)
    assert np.diff(rows).max() <= np.ceil(count / taken)
