"""What replaces training."""

from typing import Protocol, runtime_checkable

from tiernas.search.lattice import BoolArray, FloatArray, IntArray


class Evaluator(Protocol):
    """A lattice whose every row has a known value.

    All methods are vectorized over `n x d` rows of levels; the answer for a row does not depend on the others.
    """

    @property
    def levels(self) -> tuple[int, ...]:
        """Number of values of each of the `d` dimensions."""

    @property
    def categorical(self) -> tuple[bool, ...]:
        """Which dimensions have no order among their values."""

    def value(self, rows: IntArray) -> FloatArray:
        """The `n` true values, larger is better: accuracies in percentage points, or a function's."""

    def feasible(self, rows: IntArray) -> BoolArray:
        """Which of the `n` rows may be proposed."""

    def duration_s(self, rows: IntArray) -> FloatArray:
        """The time a worker would take for each of the `n` rows, in simulated seconds."""


@runtime_checkable
class StagedEvaluator(Evaluator, Protocol):
    """An evaluator that also knows unfinished training runs, so that early stopping can be replayed."""

    @property
    def epochs(self) -> int:
        """Epochs of complete training."""

    def value_after(self, rows: IntArray, epochs: int) -> FloatArray:
        """The `n` values after this many epochs.

        Raises:
            ValueError: It has no values for this number of epochs.
        """
