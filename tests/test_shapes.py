from __future__ import annotations

import pytest

from tiernas.shapes import shape_in_words


@pytest.mark.parametrize(
    ("shape", "text"), [((3, 8, 8), "3 x 8 x 8"), ([1000], "1000"), (range(1, 3), "1 x 2"), ((), "one number")]
)
def test_a_shape_is_told_as_people_write_it(shape: range, text: str) -> None:
    assert shape_in_words(shape) == text
