"""A row of the model table: what was measured, where, by which version, and how the accuracy came about."""

from __future__ import annotations

import json
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from tiernas.errors import UsageError

FORMAT_VERSION = 1
"""Raised when entries change; an entry of a newer version is refused."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One network on one device, ready to deploy.

    Attributes:
        name: Name of the entry; unique in a table.
        device: Device that the latency was measured on.
        engine: Deployment engine.
        engine_version: Its version.
        precision: Precision of the engine.
        batch: Images per inference.
        threads: Threads of one inference.
        latency_ms: Median latency of the whole network, measured.
        latency_interval_ms: 95 % confidence interval of the median.
        latency_unstable: Whether the measurement never settled.
        accuracy: Top-1 accuracy on the test part, 0 to 1, that no search has seen; of what the engine runs at its
            precision, counted on every image.
        validation_accuracy: Top-1 accuracy on the validation part, by which it was chosen.
        data: Name of the data set.
        data_digest: Digest of data and split.
        classes: Names of the classes, in the order of the logits.
        resolution: Height and width of the input, in pixels.
        input_mean: Mean of red, green and blue (pixels in 0 to 1) that is subtracted from the input.
        input_std: What the input is divided by afterwards.
        space: Search space of the vector.
        vector: The integers of the network.
        architecture_digest: Digest of the architecture.
        params: Parameters.
        macs: Multiply-accumulates at batch 1.
        recipe: How it was trained.
        seed: Seed of the training.
        source: Where the figures come from: "measured" here, or the publication.
        study: Study and tier that found it.
        tiernas_version: Version that wrote the entry.
        created_at: When, in UTC (ISO 8601).
        exact_accuracy: The same accuracy in torch, in fp32; None where nobody counted it, as for published figures.
        class_mean_accuracy: The mean over the classes of the accuracy on the test images of each, 0 to 1, of what the
            engine runs; None where nobody counted it.
        recommended: Whether the precision is worth it: faster than the next more exact one, and not less accurate
            than allowed. Queries return no other entries.
        advice: Why, in words; empty where there was nothing to decide.
        repeats_accuracy: Mean validation accuracy of short trainings with other seeds, which it was chosen by; None
            without any.
        repeats_standard_error: Standard error of that mean; None where it is not known.
        repeats: How many they are.
        reused_from: Where the short training that found it is recorded, if not in this study; else empty.
    """

    name: str
    device: str
    engine: str
    engine_version: str
    precision: str
    batch: int
    threads: int
    latency_ms: float
    latency_interval_ms: tuple[float, float]
    latency_unstable: bool
    accuracy: float
    validation_accuracy: float
    data: str
    data_digest: str
    classes: tuple[str, ...]
    resolution: int
    input_mean: tuple[float, float, float]
    input_std: tuple[float, float, float]
    space: str
    vector: tuple[int, ...]
    architecture_digest: str
    params: int
    macs: int
    recipe: dict[str, Any]
    seed: int
    source: str
    study: str
    tiernas_version: str
    created_at: str
    exact_accuracy: float | None = None
    class_mean_accuracy: float | None = None
    recommended: bool = True
    advice: str = ""
    repeats_accuracy: float | None = None
    repeats_standard_error: float | None = None
    repeats: int = 0
    reused_from: str = ""

    def to_json(self) -> str:
        """The entry as JSON, one line per key."""
        lines = [f'  "format": {FORMAT_VERSION}']
        lines += [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in self.to_dict().items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, text: str) -> Entry:
        """The entry of a JSON text.

        Raises:
            UsageError: It is no entry, or a newer version wrote it.
        """
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise UsageError(f"not JSON ({error})") from error
        version = data.pop("format", None) if isinstance(data, dict) else None
        if not isinstance(version, int):
            raise UsageError("no entry of a model table")
        if version > FORMAT_VERSION:
            raise UsageError(f"format {version}; this tiernas reads up to {FORMAT_VERSION}. Update tiernas")
        names = {f.name for f in fields(cls)}
        required = {f.name for f in fields(cls) if f.default is MISSING}
        if not required <= data.keys() <= names:
            wrong = ", ".join(sorted((required - data.keys()) | (data.keys() - names)))
            raise UsageError(f"keys missing or unknown: {wrong}")
        for key in ("latency_interval_ms", "input_mean", "input_std", "classes", "vector"):
            data[key] = tuple(data[key])
        return cls(**data)
