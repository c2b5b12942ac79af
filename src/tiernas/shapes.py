"""Shapes of tensors for people."""

from __future__ import annotations

from collections.abc import Iterable


def shape_in_words(shape: Iterable[int]) -> str:
    """A shape as text, such as "3 x 224 x 224"; "one number" without dimensions."""
    return " x ".join(map(str, shape)) or "one number"
