"""The clock of a device without a connection: what kits measured there, on the scale of the latency table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from tiernas.devices.carried import WaitsForKitError
from tiernas.devices.kit import read_kit_results
from tiernas.engines import Engine, Measurement
from tiernas.latency import LatencyTable
from tiernas.latency.estimating.scale import on_scale
from tiernas.spaces import Architecture
from tiernas.tier_clock import TierClock
from tiernas.tiers import Tier

FINALISTS = "finalists"
"""What the results of such kits are of."""


class KitClock(TierClock):
    """Looks networks up in the results of kits instead of measuring them.

    Args:
        load_table: Returns the latency table of the search.
        engine: The engine of the device.
        limit_s: Time limit per network in seconds.
        folder: The results of kits that were imported.
    """

    measures_once: ClassVar[bool] = True

    def __init__(self, load_table: Callable[[], LatencyTable], engine: Engine, limit_s: float, folder: Path) -> None:
        super().__init__(load_table, engine, limit_s)
        self._folder = folder

    def measure_architecture(self, architecture: Architecture, num_classes: int, tier: Tier | None) -> Measurement:
        """The measurement of a network by a kit; the one with the narrowest interval, if there are several.

        Raises:
            WaitsForKitError: There is none.
        """
        found = self.measured.get(architecture.digest)
        if found is None:
            which = f"a network of tier {tier.name} ms" if tier else "a network"
            raise WaitsForKitError(f"{which} must be measured on {self._on} first")
        return found

    @cached_property
    def measured(self) -> Mapping[str, Measurement]:
        """The measurements, by the digests of the architectures."""
        best: dict[str, Measurement] = {}
        for path in sorted(self._folder.glob("*.jsonl")):
            for result in read_kit_results(path).results:
                measurement = on_scale(result.measurement, self.table.anchors_ms)
                digest = str(result.about["digest"])
                known = best.setdefault(digest, measurement)
                if measurement.width < known.width:
                    best[digest] = measurement
        return best

    @property
    def _on(self) -> str:
        return self.engine.fingerprint().device
