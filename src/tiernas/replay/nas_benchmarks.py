"""Published benchmarks of networks that were really trained, as evaluators."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tiernas.errors import UsageError
from tiernas.search.lattice import BoolArray, FloatArray, IntArray

_COSTS = {"a100": "lat_a100", "rtx3090": "lat_3090"}

_SECONDS_PER_US = 17.0
"""Median of training time over A100 cost of the 5,138 networks; the standard deviation of its logarithm is 0.23."""

_EPOCHS, _EARLY_EPOCHS = 200, 12
_TRAINING_DEVICE = "titan_rtx_256"
_SECONDS_PER_MS = 200.0
"""Makes the median cell (18 ms on that device) take an hour. Only the ratios of durations matter."""


@dataclass(frozen=True, slots=True, eq=False)
class Anb28:
    """MnasNet networks on ImageNet: a ridge fit, with all pairs, to 5,138 training runs of Accel-NASBench.

    28 ordered integers: expansion, kernel, layers and squeeze-and-excitation of each of 7 blocks. With the one-hot code
    `o` of a row, its accuracy is `bias + o . linear + o . pairs . o`; its cost is `cost_bias` plus, for every block,
    the cost of its first layer and of its further layers.

    A. Ahmad et al.: Accel-NASBench: sustainable benchmarking for accelerator-aware NAS. DAC 2024.

    Attributes:
        levels: Number of values of each of the 28 dimensions.
        limit_us: The largest cost of a feasible row, in us per image.
        bias: Accuracy in points that all rows have in common.
        linear: `m` points, one for each level of each dimension, one dimension after the other.
        pairs: `m x m` points.
        cost_bias_us: Cost per image that all rows have in common.
        layer_cost_us: Indexed by block, expansion, kernel, squeeze-and-excitation and 0 for the first layer or 1 for
            each further one.
    """

    levels: tuple[int, ...]
    limit_us: float
    bias: float
    linear: FloatArray
    pairs: FloatArray
    cost_bias_us: float
    layer_cost_us: FloatArray

    @classmethod
    def load(cls, folder: Path, limit_us: float = float("inf"), device: Literal["a100", "rtx3090"] = "a100") -> Self:
        """Reads `anb28_surrogate.npz`.

        Args:
            folder: Folder of the file.
            limit_us: The largest cost of a feasible row, in us per image.
            device: The device of the cost.

        Raises:
            UsageError: The file is missing, or does not contain this benchmark.
        """
        arrays = _Arrays(folder / "anb28_surrogate.npz")
        cost = _COSTS[device]
        return cls(
            levels=tuple(arrays["ncat"].tolist()),
            limit_us=limit_us,
            bias=float(arrays["acc_bias"]),
            linear=arrays["acc_lin"],
            pairs=arrays["acc_pair"].astype(np.float64),
            cost_bias_us=float(arrays[f"{cost}_bias"]),
            layer_cost_us=arrays[f"{cost}_coef"].reshape(7, 3, 2, 2, 2),
        )

    @property
    def categorical(self) -> tuple[bool, ...]:
        """All dimensions are ordered; squeeze-and-excitation is off or on."""
        return (False,) * len(self.levels)

    def value(self, rows: IntArray) -> FloatArray:
        """The `n` top-1 accuracies in points."""
        starts = np.cumsum((0, *self.levels[:-1]))
        one_hot = np.zeros((len(rows), len(self.linear)))
        np.put_along_axis(one_hot, rows + starts, 1.0, axis=1)
        accuracy: FloatArray = self.bias + one_hot @ self.linear + np.sum((one_hot @ self.pairs) * one_hot, axis=1)
        return accuracy

    def cost_us(self, rows: IntArray) -> FloatArray:
        """The `n` costs in us per image."""
        blocks = rows.reshape(len(rows), -1, 4)
        expansion, kernel, further, squeeze = np.moveaxis(blocks, 2, 0)
        cost = self.layer_cost_us[np.arange(blocks.shape[1]), expansion, kernel, squeeze]
        total: FloatArray = self.cost_bias_us + np.sum(cost[..., 0] + further * cost[..., 1], axis=1)
        return total

    def feasible(self, rows: IntArray) -> BoolArray:
        """Which of the `n` rows are within the cost limit."""
        mask: BoolArray = self.cost_us(rows) <= self.limit_us
        return mask

    def duration_s(self, rows: IntArray) -> FloatArray:
        """The `n` training durations, proportional to the cost: about half an hour."""
        return _SECONDS_PER_US * self.cost_us(rows)


@dataclass(frozen=True, slots=True, eq=False)
class NasBench201:
    """All 15,625 cells of NAS-Bench-201: 6 edges with one of 5 operations each.

    Accuracy is that on the CIFAR-100 test images after 200 epochs; that after 12 epochs is on the validation images, of
    another training run, whose learning rate fell to zero in these 12. Durations are always those of training on a
    Titan RTX at batch 256, whatever the device of the latency.

    X. Dong, Y. Yang: NAS-Bench-201: extending the scope of reproducible neural architecture search. ICLR 2020. Latency:
    C. Li et al.: HW-NAS-Bench, ICLR 2021.

    Attributes:
        limit_ms: The largest latency of a feasible cell.
        accuracy: 15,625 accuracies in points, by the cell's number in base 5, the first edge leading.
        latency_ms: 15,625 latencies, likewise.
        training_s: 15,625 training durations, likewise.
        early_accuracy: 15,625 accuracies after 12 epochs, likewise.
    """

    limit_ms: float
    accuracy: FloatArray
    latency_ms: FloatArray
    training_s: FloatArray
    early_accuracy: FloatArray

    @classmethod
    def load(cls, folder: Path, limit_ms: float = float("inf"), device: str = _TRAINING_DEVICE) -> Self:
        """Reads `nasbench201.npz`.

        Args:
            folder: Folder of the file.
            limit_ms: The largest latency of a feasible cell.
            device: The device of the latency, as the file names it, with the batch if it has several: `eyeriss`,
                `raspi4`, `titan_rtx_256` ...

        Raises:
            UsageError: The file is missing, or does not contain this benchmark.
        """
        arrays = _Arrays(folder / "nasbench201.npz")
        number = _cell_number(arrays["ops"].astype(np.int64))
        accuracy, latency_ms, training_s, early_accuracy = np.empty((4, len(number)))
        accuracy[number] = arrays["ep200_cifar100_test"]
        latency_ms[number] = arrays[f"lat_ms_{device}"]
        training_s[number] = _SECONDS_PER_MS * arrays[f"lat_ms_{_TRAINING_DEVICE}"]
        early_accuracy[number] = arrays[f"ep{_EARLY_EPOCHS}_cifar100_val"]
        return cls(limit_ms, accuracy, latency_ms, training_s, early_accuracy)

    @property
    def levels(self) -> tuple[int, ...]:
        """Five operations on each of six edges."""
        return (5,) * 6

    @property
    def categorical(self) -> tuple[bool, ...]:
        """Operations have no order."""
        return (True,) * 6

    def value(self, rows: IntArray) -> FloatArray:
        """The `n` accuracies in points."""
        values: FloatArray = self.accuracy[_cell_number(rows)]
        return values

    @property
    def epochs(self) -> int:
        """Epochs of complete training."""
        return _EPOCHS

    def value_after(self, rows: IntArray, epochs: int) -> FloatArray:
        """The `n` accuracies after 12 epochs, in points.

        Raises:
            ValueError: Another number of epochs is requested.
        """
        if epochs != _EARLY_EPOCHS:
            raise ValueError(f"there are accuracies after {_EARLY_EPOCHS} and {_EPOCHS} epochs, not after {epochs}")
        values: FloatArray = self.early_accuracy[_cell_number(rows)]
        return values

    def feasible(self, rows: IntArray) -> BoolArray:
        """Which of the `n` cells are within the latency limit."""
        mask: BoolArray = self.latency_ms[_cell_number(rows)] <= self.limit_ms
        return mask

    def duration_s(self, rows: IntArray) -> FloatArray:
        """The `n` training durations: about an hour."""
        durations: FloatArray = self.training_s[_cell_number(rows)]
        return durations


def _cell_number(rows: IntArray) -> IntArray:
    numbers: IntArray = rows @ 5 ** np.arange(5, -1, -1)
    return numbers


class _Arrays:
    """The arrays of an `.npz` file.

    Args:
        path: The file.

    Raises:
        UsageError: The file is missing or of another kind, or it lacks the requested array.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with np.load(path, allow_pickle=False) as file:
                self._arrays: dict[str, NDArray[Any]] = dict(file)
        except FileNotFoundError as error:
            raise UsageError(f"no file {path}: give the folder that contains {path.name}") from error
        except (OSError, ValueError, BadZipFile) as error:
            raise UsageError(f"{path} cannot be read as NumPy arrays: {error}") from error

    def __getitem__(self, name: str) -> NDArray[Any]:
        if name not in self._arrays:
            raise UsageError(f"{self._path} has no {name}: it has {', '.join(self._arrays)}")
        return self._arrays[name]
