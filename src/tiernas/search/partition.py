"""A tree of regions, learned from what was observed: the partition of LA-MCTS."""

from dataclasses import dataclass

import numpy as np
from sklearn.svm import SVC

from tiernas.search.lattice import BoolArray, FloatArray, IntArray


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
        side: BoolArray = self.classifier.predict((Z - self.shift) / self.scale)
        return side


@dataclass(frozen=True, eq=False)
class Region:
    """A node of the tree.

    Args:
        members: The `m` indices of the observed rows that lie in the region.
        mean: The mean of what was observed of them.
        split: How the region is divided; None for a leaf.
    """

    members: IntArray
    mean: float
    split: "Split | None" = None


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


def grow(Z: FloatArray, y: FloatArray, leaf_size: int, members: IntArray | None = None) -> Region:
    """Divides the whole space recursively until no region has more than `leaf_size` observed rows.

    Rows are placed by the classifier's prediction, not by what was observed, so that a region is a part of the
    space and its mean that of all rows observed there. A region stays whole where no boundary is learned, or
    where one side of it would keep less than a quarter of `leaf_size` rows: a boundary around a single
    outlier guides nobody.

    Args:
        Z: `n x f` features of the observed rows.
        y: `n` observations.
        leaf_size: The split threshold of the paper.
        members: The `m` indices of the rows in the region; all of them by default.

    Returns:
        The root of the tree.
    """
    if members is None:
        members = np.arange(len(Z), dtype=np.int64)
    mean = float(y[members].mean())
    boundary = learn_boundary(Z[members], y[members]) if len(members) > leaf_size else None
    if boundary is None:
        return Region(members, mean)
    side = boundary.is_better(Z[members])
    if min(int(side.sum()), int((~side).sum())) < max(1, leaf_size // 4):
        return Region(members, mean)
    better, worse = (grow(Z, y, leaf_size, members[part]) for part in (side, ~side))
    return Region(members, mean, Split(boundary, better, worse))


def learn_boundary(Z: FloatArray, y: FloatArray) -> Boundary | None:
    """Learns what separates the better half of the rows from the worse.

    The paper finds two clusters of `[z, y]` with k-means and learns their boundary with an SVM. With dozens of
    features such clusters have little to do with `y`; halves by `y` do, and one value far off does not move them.
    The SVM has an RBF kernel and sees the features alone, so that rows never observed can be placed.

    Args:
        Z: `n x f` features.
        y: `n` observations.

    Returns:
        The boundary, or None if the observations or the features are all equal.
    """
    if len(y) == 0 or np.ptp(y) == 0 or np.ptp(Z, axis=0).max() == 0:
        return None
    better = y > np.median(y)
    if not better.any():
        better = y == y.max()
    shift, deviation = Z.mean(axis=0), Z.std(axis=0)
    scale = np.where(deviation > 0, deviation, 1.0)
    classifier = SVC(kernel="rbf", C=1.0, gamma="scale").fit((Z - shift) / scale, better)
    return Boundary(shift, scale, classifier)
