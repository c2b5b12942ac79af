"""Stratified parts of a labeled set: every class keeps its share."""

from __future__ import annotations

import numpy as np

from tiernas.training.sources.source import IntArray


def stratified(labels: IntArray, size: int, rng: np.random.Generator, *, leave: int) -> tuple[IntArray, IntArray]:
    """Draws a part in which each class has its share of the whole, and at least one image.

    Args:
        labels: Label of every image, `(n,)`.
        size: Number of images to draw. Adjusted if the classes require it: each gives at least one image, and at most
            all but `leave`.
        rng: Decides which images of a class are drawn.
        leave: Number of images of each class that must remain. Every class needs `leave + 1`.

    Returns:
        Positions drawn, and positions left, both ascending.
    """
    classes, counts = np.unique(labels, return_counts=True)
    chosen = np.zeros(len(labels), dtype=bool)
    for label, take in zip(classes, _shares(counts, size, leave), strict=True):
        members = np.flatnonzero(labels == label)
        chosen[rng.permutation(members)[:take]] = True
    return np.flatnonzero(chosen), np.flatnonzero(~chosen)


def _shares(counts: IntArray, size: int, leave: int) -> IntArray:
    """Number of images from each class: its exact share, rounded so that the total is `size`."""
    most = counts - leave
    exact = counts * (size / counts.sum())
    shares: IntArray = np.clip(np.floor(exact), 1, most).astype(np.int64)
    while shares.sum() < size and (shares < most).any():
        shares[np.argmax(np.where(shares < most, exact - shares, -np.inf))] += 1
    while shares.sum() > size and (shares > 1).any():
        shares[np.argmax(np.where(shares > 1, shares - exact, -np.inf))] -= 1
    return shares
