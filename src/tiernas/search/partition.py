"""A tree of regions, learned from what was observed: the partition of LA-MCTS."""

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
"""The most rows that a boundary is learned from: an SVM costs the square of them."""


@dataclass(frozen=True, eq=False)
class Boundary:
    """What separates the better part of a region from the rest: an SVM on standardised features.

    Args:
        shift: `f` means of the features in the region.
        scale: `f` standard deviations, 1 where a feature does not vary.
        classifier: Fitted on the standardised features, labels True for better.
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

    `sum_i a_i exp(-gamma |z - z_i|^2) + b` over the support vectors. The library's own checks its input at a cost of
    some milliseconds, and of pending rows it is asked for one at a time.
    """
    apart = distances(Z, classifier.support_vectors_)
    value: FloatArray = np.exp(-classifier.gamma * apart**2) @ classifier.dual_coef_[0] + classifier.intercept_[0]
    return value


class Region:
    """A node of the tree; it is divided when that is first asked for, which most never are.

    Args:
        Z: `n x f` features of all observed rows.
        y: `n` observations.
        leaf_size: The most observed rows a region may have without being divided; None leaves it whole.
        members: The `m` indices of the observed rows that lie in the region; all of them by default.
    """

    def __init__(self, Z: FloatArray, y: FloatArray, leaf_size: int | None, members: IntArray | None = None) -> None:
        self.members: IntArray = np.arange(len(Z), dtype=np.int64) if members is None else members
        self.mean = float(y[self.members].mean())
        self._Z, self._y, self._leaf_size = Z, y, leaf_size

    @functools.cached_property
    def split(self) -> Split | None:
        """How the region is divided; None for a leaf.

        Rows are placed by the classifier's prediction, not by what was observed, so that a part is a part of the space
        and its mean that of all rows observed there. A region stays whole where no boundary is learned, or where one
        side of it would keep less than a quarter of `leaf_size` rows: a boundary around a single outlier guides nobody.
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
    """A region's division in two.

    Args:
        boundary: What divides it.
        better: The part on the better side.
        worse: The other part.
    """

    boundary: Boundary
    better: Region
    worse: Region

    @functools.cached_property
    def places_better(self) -> AskedOnce:
        """As `boundary.is_better`, for pending rows, which stay so through many proposals."""
        return AskedOnce(self.boundary.is_better)


def learn_boundary(Z: FloatArray, y: FloatArray) -> Boundary | None:
    """Learns what separates the better half of the rows from the worse.

    The paper finds two clusters of `[z, y]` with k-means and learns their boundary with an SVM. With dozens of
    features such clusters have little to do with `y`; halves by `y` do, and one value far off does not move them.
    The SVM has an RBF kernel and sees the features alone, so that rows never observed can be placed.

    Args:
        Z: `n x f` features.
        y: `n` observations; of more than 512, as many that are spread over their order.

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
