"""What a plan is based on: the size of the data, and how fast this machine is; kept beside the ledger of a search."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter

from tiernas.errors import UsageError
from tiernas.text_file import replace_text
from tiernas.training.data_size import DataSize

_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a search advances on this machine.

    Attributes:
        image_s: Time to train the mean network of a tier on one image, in s, by the tier's name; likewise for whole
            parents and rivals. Empty if it could not be measured here.
        evaluation_share: Time of evaluating an image relative to that of training on one.
        memory_mb: Peak memory of a worker in MB (1e6 bytes); None if unknown.
        params: Mean number of parameters of a network.
        network_s: Time to measure one network of a latency table, in s; None if the table existed.
    """

    image_s: Mapping[str, float]
    evaluation_share: float
    memory_mb: float | None
    params: float
    network_s: float | None


@dataclass(frozen=True, slots=True)
class Basis:
    """What a plan is based on.

    Attributes:
        data: The size of the data set.
        pace: How fast the search advances; None if it was not measured.
    """

    data: DataSize
    pace: Pace | None = None

    def fits(self, names: Collection[str], data: DataSize) -> bool:
        """Whether it is that of these tiers and rivals, by name, and of data of this size."""
        known = self.pace.image_s.keys() if self.pace else ()
        return self.data == data and self.pace is not None and (not known or set(names) <= set(known))

    def write(self, output: Path) -> None:
        """Writes it into the output folder of a search.

        Raises:
            UsageError: The folder cannot be written.
        """
        path = output / _FILE
        try:
            replace_text(path, json.dumps(asdict(self), indent=1) + "\n")
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror})") from error

    @classmethod
    def read(cls, output: Path) -> Self | None:
        """Reads it from the output folder of a search; None if it is not there, or not readable."""
        try:
            return TypeAdapter(cls).validate_json((output / _FILE).read_text("utf-8"))
        except (OSError, ValueError):  # pydantic's errors are of values too
            return None
