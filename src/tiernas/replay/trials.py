"""One training run in a replay: the true value with noise, or a failure, and its duration."""

import math
from dataclasses import dataclass

import numpy as np

from tiernas.replay.evaluator import Evaluator, StagedEvaluator
from tiernas.search.lattice import IntArray


@dataclass(frozen=True, slots=True)
class Trial:
    """Result of a training run.

    Attributes:
        value: The value told to the optimizer; NaN if training failed.
        duration_s: Simulated duration, from its first epoch on.
    """

    value: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Trials:
    """Trains rows as a study would: the same row with the same seeds always gives the same trial.

    Attributes:
        evaluator: Knows the true values and durations.
        seed: Seed of the whole replay, 0 or more.
        noise_sd: Standard deviation of the normal noise on a value, in its unit.
        failing_share: Fraction of the training runs that fail, 0 to 1.
        jitter: Standard deviation of the logarithm of the factor on a duration, whose median is 1; 0.23 was
            observed in the training runs behind `Anb28`.
    """

    evaluator: Evaluator
    seed: int = 0
    noise_sd: float = 0.0
    failing_share: float = 0.0
    jitter: float = 0.23

    def train(self, row: IntArray, training_seed: int = 0, epochs: int | None = None) -> Trial:
        """Trains a row of shape `(d,)`.

        Args:
            row: The row.
            training_seed: Repeats of a row with other seeds have other noise, 0 or more.
            epochs: Where training ends, for a `StagedEvaluator`; None to complete it.

        Raises:
            ValueError: The evaluator has no values for training that ends after this many epochs.
        """
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, training_seed, *row.tolist()]))
        noise, slowness = rng.standard_normal(2)
        failed = rng.random() < self.failing_share
        value, part = self._value(row, epochs)
        duration_s = part * float(self.evaluator.duration_s(row[None])[0]) * math.exp(self.jitter * slowness)
        return Trial(math.nan if failed else float(value + self.noise_sd * noise), duration_s)

    def _value(self, row: IntArray, epochs: int | None) -> tuple[float, float]:
        """The true value, and the fraction of complete training it takes."""
        if epochs is None:
            return float(self.evaluator.value(row[None])[0]), 1.0
        if not isinstance(self.evaluator, StagedEvaluator):
            raise ValueError(
                f"{type(self.evaluator).__name__} knows only complete training, not values after {epochs} epochs"
            )
        return float(self.evaluator.value_after(row[None], epochs)[0]), epochs / self.evaluator.epochs
