"""The latency table: the latencies of a space's layers on one device, and hence those of all its networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.stats import kendalltau

from tiernas.blocks import Block, LayerRows
from tiernas.blocks.rows import FloatArray
from tiernas.engines import Engine, Fingerprint
from tiernas.engines.fingerprint import OF_DEVICE
from tiernas.errors import UsageError, about
from tiernas.latency.estimating import table_file
from tiernas.latency.estimating.equations import equations_of
from tiernas.latency.estimating.layer_model import PredictedLayers, fit_layers
from tiernas.latency.estimating.looks import best_records
from tiernas.latency.estimating.scale import find_scale, on_scale
from tiernas.latency.measuring.ladder import Ladder, rungs_of
from tiernas.spaces import LayerGroup, SearchSpace, get_space

_AT_ONCE = 2**15
"""Number of networks estimated at once: their layers need 40 MB."""


@dataclass(frozen=True, slots=True)
class LayerCost:
    """The table's latency of one layer.

    Attributes:
        layer: The layer.
        latency_ms: Its contribution to a network's latency.
        networks: Number of measured networks that contain it; 0 if its latency is predicted from other layers.
    """

    layer: Block
    latency_ms: float
    networks: int

    def to_dict(self) -> dict[str, Any]:
        """The latency, and the layer in words and by its fields, serializable as JSON."""
        known = {"latency_ms": self.latency_ms, "networks": self.networks, "name": self.layer.label}
        return {**known, **self.layer.to_dict()}


class LatencyTable:
    """Estimates the latencies of layers and networks; fitted to measured networks.

    Args:
        header: What was measured, and on what.
        records: The measured networks. If there are several records of one network, the best counts; see
            `best_records`.
        space: The space; by default looked up by the header's name, which works for built-in spaces.

    Raises:
        UsageError: There are fewer than `FEWEST` different networks, or the space is another one.
    """

    FEWEST: ClassVar[int] = 8
    """Minimum number of networks for a sensible fit."""

    def __init__(
        self, header: table_file.Header, records: Sequence[table_file.Record], space: SearchSpace | None = None
    ) -> None:
        self.header = header
        self.space: SearchSpace = space or get_space(header.space)
        self.require_space(self.space)
        self.scale = find_scale(record.observation for record in records)
        self.records = tuple(self._scaled(record) for record in best_records(records))
        if len(self.records) < self.FEWEST:
            raise UsageError(
                f"the latency table has {len(self.records)} networks; it needs at least {self.FEWEST}: continue it "
                "with: tiernas latency build"
            )
        equations = equations_of(self.space, self.records)
        self.model, self._held_out_ms = fit_layers(equations)
        self._measured_ms, self._cleaned_ms = equations.measured_ms, equations.whole_ms
        self._seen = equations.distinct_layers()

    @classmethod
    def load(cls, path: Path, space: SearchSpace | None = None) -> LatencyTable:
        """Reads a file and fits the table.

        Args:
            path: The file.
            space: The space that it was built for; not needed for built-in spaces.

        Raises:
            UsageError: As in `table_file.read`, or the file has too few networks (the message names the file).
        """
        header, records, space = table_file.read(path, space)
        with about(str(path)):
            return cls(header, records, space)

    def _scaled(self, record: table_file.Record) -> table_file.Record:
        measurement = on_scale(record.observation.measurement, self.scale.anchors_ms if self.scale else {})
        return replace(record, observation=replace(record.observation, measurement=measurement))

    @cached_property
    def anchors_ms(self) -> Mapping[str, float]:
        """Undisturbed latencies of the anchors in ms, by name; they convert ratios to ms. Empty for earlier tables.

        A rung that no network was interleaved with has the latency that it has as a network of the table.
        """
        if self.scale is None:
            return {}
        rungs = {rung.vector for rung in rungs_of(self.space, self.header.num_classes)}
        as_networks_ms = {
            record.observation.graph: record.observation.measurement.latency_ms
            for record in self.records
            if record.vector in rungs and record.observation.measurement.in_turn
        }
        return {**as_networks_ms, **self.scale.anchors_ms}

    def ladder(self, engine: Engine) -> Ladder:
        """The anchors of the table's space, on its scale, so that measurements and table cannot drift apart.

        If the table was measured on another device or by an earlier version, the latencies of the anchors are
        determined in the ladder's session.
        """
        here = not self.header.fingerprint.differences(engine.fingerprint())
        return Ladder(rungs_of(self.space, self.header.num_classes), engine, self.anchors_ms if here else None)

    @property
    def held_out_ms(self) -> FloatArray:
        """Latencies (`n`) of the measured networks, each estimated by a fit that had not seen it."""
        return self._held_out_ms

    @property
    def measured_ms(self) -> FloatArray:
        """Latencies (`n`) of the same networks as measured."""
        return self._measured_ms

    def estimate(self, vectors: npt.ArrayLike) -> FloatArray:
        """Latencies in ms (`n`) of vectors of the table's space (`n x d`).

        Raises:
            UsageError: A vector is not in the space, or has a block that no measured network contains.
        """
        checked = self.space.validate(vectors)
        latency_ms = np.zeros(len(checked))
        predicted: dict[type[Block], PredictedLayers] = {}
        for begin in range(0, len(checked), _AT_ONCE):
            some = slice(begin, begin + _AT_ONCE)
            groups = list(self.space.layer_groups(np.asfortranarray(checked[some])))
            some_ms = latency_ms[some]
            for group, layer_ms in zip(groups, self._predict(groups, predicted), strict=True):
                some_ms[group.network] += layer_ms * group.count
        return latency_ms

    def _predict(self, groups: Sequence[LayerGroup], predicted: dict[type[Block], PredictedLayers]) -> list[FloatArray]:
        """Latencies in ms of the layers of each group; layers missing in `predicted` are added to it."""
        of_block: dict[type[Block], list[int]] = {}
        for number, group in enumerate(groups):
            if len(group.rows):
                of_block.setdefault(group.rows.block, []).append(number)
        found = {number: np.zeros(0) for number in range(len(groups))}
        for block, numbers in of_block.items():
            self._require_measured(block)
            layers = predicted.setdefault(block, PredictedLayers(self.model, block))
            layer_ms = layers.latency_ms([groups[number].rows.values for number in numbers])
            ends = np.cumsum([len(groups[number].rows) for number in numbers])
            found |= zip(numbers, np.split(layer_ms, ends[:-1]), strict=True)
        return list(found.values())

    def _require_measured(self, block: type[Block]) -> None:
        if block not in self.model.trend.coefficients:
            known = ", ".join(each.block for each in self.model.trend.coefficients)
            raise UsageError(
                f"the latency table has no measured network with the block {block.block!r}, so its latency is unknown; "
                f"its networks have: {known}; measure more networks, or build a table of another space"
            )

    def layer_costs(self, layers: Sequence[Block]) -> list[LayerCost]:
        """The table's latencies of layers, each marked as measured or predicted.

        Raises:
            UsageError: A layer has a block that no measured network contains.
        """
        for block in dict.fromkeys(type(layer) for layer in layers):
            self._require_measured(block)
        costs = zip(layers, LayerRows.of(layers).each(self.model.predict), strict=True)
        return [LayerCost(layer, float(ms), self._seen.get(layer, 0)) for layer, ms in costs]

    def slowest_layers(self, n: int) -> list[LayerCost]:
        """The `n` slowest measured layers, slowest first."""
        costs = self.layer_costs(list(self._seen))
        return sorted(costs, key=lambda cost: -cost.latency_ms)[:n]

    def summary(self) -> dict[str, Any]:
        """What was measured, and how well the fit predicts unseen networks, serializable as JSON.

        `cv_mape` and `cv_kendall_tau` compare the held-out estimate of each network with its measured latency,
        including `disturbed` networks, whose total was unusually long for their profile. Their latencies are corrected
        only for the fit, so if many were disturbed, the table may be better than these two figures suggest;
        `check_table` gives the answer. Interleaved measurements are not corrected; `quiet`, `scale_low`, `scale_high`
        and `as_found` are those of their `Scale`, or None if no measurement was interleaved.
        """
        estimated_ms, measured_ms = self._held_out_ms, self._measured_ms
        return {
            "space": self.header.space,
            "num_classes": self.header.num_classes,
            **self.header.fingerprint.to_dict(),
            "networks": len(self.records),
            "unstable": sum(record.observation.measurement.unstable for record in self.records),
            "disturbed": int((self._cleaned_ms < measured_ms).sum()),
            "layers_measured": len(self._seen),
            "fastest_ms": float(measured_ms.min()),
            "slowest_ms": float(measured_ms.max()),
            "cv_mape": float(100 * np.abs(estimated_ms / measured_ms - 1).mean()),
            "cv_kendall_tau": float(kendalltau(estimated_ms, measured_ms).statistic),
            "quiet": self.scale and self.scale.is_quiet,
            "scale_low": self.scale and self.scale.low,
            "scale_high": self.scale and self.scale.high,
            "as_found": self.scale and self.scale.as_found,
        }

    def require_space(self, space: SearchSpace) -> None:
        """Refuses a space other than the table's.

        Raises:
            UsageError: The table was built for another space.
        """
        self.header.require_space(space)

    def require_device(
        self, fingerprint: Fingerprint, *, allow_other: bool = False, option: str = "--other-device"
    ) -> None:
        """Refuses a table that was measured under other conditions.

        Args:
            fingerprint: The required conditions.
            allow_other: Accept a table of another device (with the versions and options of its engine), but not of
                another engine, precision, batch size or number of threads.
            option: The command-line option that accepts it.

        Raises:
            UsageError: The conditions differ; the message says in what, and how to proceed.
        """
        differences = self.header.fingerprint.differences(fingerprint)
        if allow_other:
            for name in OF_DEVICE:
                differences.pop(name, None)
        if differences:
            shown = "; ".join(f"{name} is {here}, requested {wanted}" for name, (here, wanted) in differences.items())
            way = "build a table for these settings with: tiernas latency build"
            if not differences.keys() - set(OF_DEVICE):
                way = f"use it anyway with {option}, or {way}"
            raise UsageError(f"the latency table was measured under other conditions: {shown}; {way}")
