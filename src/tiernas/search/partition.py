"""A tree of regions, learned from the observations: the partition of LA-MCTS."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from sklearn.svm import SVC

from tiernas.search.asked_once import AskedOnce
from tiernas.search.kernel import distances
from tiernas.search.lattice import BoolArray, FloatArray, IntArray
from tiernas.search.representatives import of_all_values

_BOUNDARY_ROWS = 512
"""The largest number of rows that a boundary is learned from: the cost of an SVM is quadratic."""


@dataclass(frozen=True, eq=False)
class Boundary:
    """What separates the better part of a region from the rest: an SVM on standardized features.

    Args:
        shift: `f` means of the features in the region.
        scale: `f` standard deviations, 1 where a feature does not vary.
        classifier: Fitted on the standardized features; the label True means better.
    """

    shift: FloatArray
    scale: FloatArray
    classifier: SVC

    def is_better(self, Z: FloatArray) -> BoolArray:
        """Maps `n x f` features to an `n` mask of those on the better side."""
        if len(Z) == 0:
            return np.zeros(0, dtype=np.bool_)
        side: BoolArray = decide(self.classifier, (Z - self.shift) / self.scale) > 0
        return side


def decide(classifier: SVC, Z: FloatArray) -> FloatArray:
    """The decision function (`n`) of an SVM with an RBF kernel at `n x f` features: positive for its second class.

    `sum_i a_i exp(-gamma |z - z_i|^2) + b` over the support vectors. The library's own function spends some
    milliseconds on checking its input, and pending rows come one at a time.
    """
    apart = distances(Z, classifier.support_vectors_)
    value: FloatArray = np.exp(-classifier.gamma * apart**2) @ classifier.dual_coef_[0] + classifier.intercept_[0]
    return value


class Region:
    """A node of the tree; it is split when this is first needed, which for most nodes is never.

    Args:
        Z: `n x f` features of all observed rows.
        y: `n` observations.
        leaf_size: The largest number of observed rows in a region that is not split; None never splits.
        members: The `m` indices of the observed rows in the region; all by default.
    """

    def __init__(self, Z: FloatArray, y: FloatArray, leaf_size: int | None, members: IntArray | None = None) -> None:
        self.members: IntArray = np.arange(len(Z), dtype=np.int64) if members is None else members
        self.mean = float(y[self.members].mean())
        self._Z, self._y, self._leaf_size = Z, y, leaf_size

    @functools.cached_property
    def split(self) -> Split | None:
        """The two parts of the region; None for a leaf.

        Rows are assigned by the classifier's prediction, not by their own result, so each part is a part of the space
        and its mean that of all rows observed there. A region stays whole if no boundary can be learned, or if one side
        would hold less than a quarter of `leaf_size` rows: a boundary around a single outlier gives no guidance.
        """
        if self._leaf_size is None or len(self.members) <= self._leaf_size:
            return None
        Z = self._Z[self.members]
        boundary = learn_boundary(Z, self._y[self.members])
        if boundary is None:
            return None
        side = boundary.is_better(Z)
        if min(int(side.sum()), int((~side).sum())) < max(1, self._leaf_size // 4):
            return None
        better, worse = (Region(self._Z, self._y, self._leaf_size, self.members[part]) for part in (side, ~side))
        return Split(boundary, better, worse)


@dataclass(frozen=True, eq=False)
class Split:
    """The division of a region in two.

    Args:
        boundary: What separates the parts.
        better: The part on the better side.
        worse: The other part.
    """

    boundary: Boundary
    better: Region
    worse: Region

    @functools.cached_property
    def places_better(self) -> AskedOnce:
        """Like `boundary.is_better`, for pending rows, which stay pending through many proposals."""
        return AskedOnce(self.boundary.is_better)


def learn_boundary(Z: FloatArray, y: FloatArray) -> Boundary | None:
    """Learns what separates the better half of the rows from the worse.

    The paper finds two clusters of `[z, y]` with k-means and learns their boundary with an SVM. With dozens of
    features such clusters have little to do with `y`; halves by `y` do, and a single outlier does not move them.
    The SVM has an RBF kernel and sees only the features, so unobserved rows can be assigned too.

    Args:
        Z: `n x f` features.
        y: `n` observations; of more than 512, that many are used, spread over their order.

    Returns:
        The boundary, or None if the observations or the features are all equal.
    """
    rows = of_all_values(y, _BOUNDARY_ROWS)
    Z, y = Z[rows], y[rows]
    if len(y) == 0 or np.ptp(y) == 0 or np.ptp(Z, axis=0).max() == 0:
        return None
    better = y > np.median(y)
    if not better.any():
        better = y == y.max()
    shift, deviation = Z.mean(axis=0), Z.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    at = (Z - shift) / scale
    gamma = 1.0 / (at.shape[1] * float(at.var()))  # the library's "scale"
    return Boundary(shift, scale, SVC(kernel="rbf", C=1.0, gamma=gamma).fit(at, better))
