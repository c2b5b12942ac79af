"""A row of the model table: what was measured, where, by which version, and how the accuracy was obtained."""

from __future__ import annotations

import hashlib
import json
import reprlib
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import ConfigDict, Field, PlainValidator, TypeAdapter, ValidationError, with_config

from tiernas.engines import InTurn
from tiernas.engines.measurement import relative_width
from tiernas.errors import UsageError
from tiernas.proportions import wilson_interval
from tiernas.table.name import name_part, require_safe_name
from tiernas.table.provenance import EarlierLatency, Provenance

FORMAT_VERSION = 1
"""Increased when entries change; entries of newer versions are refused."""

_LISTED = 3
"""Number of mistakes in an entry that a message lists."""

_NETWORK = ("study", "space", "seed", "architecture_digest", "data_digest")
_CONDITIONS = ("device", "engine", "precision", "batch", "threads")
_OF_SEARCHES = ("classes", "validation_accuracy", "macs", "space")
"""What every network has that a search found."""

_Positive = Annotated[float, Field(gt=0)]
Shift = Annotated[float, Field(ge=-1e6, le=1e6)]
Scale = Annotated[float, Field(ge=1e-6, le=1e6)]
"""Bounds for pixels from 0 to 1; values beyond become infinite or zero in single precision."""

Url = Annotated[str, Field(pattern=r'^(https?://[^\s"<>]+)?$')]
"""An address that a browser may open, or nothing."""


def _read_in_turn(value: object) -> InTurn | None:
    return value if value is None or isinstance(value, InTurn) else InTurn.from_dict(value)


_Share = Annotated[float, Field(ge=0, le=1)]
_Count = Annotated[int, Field(ge=1)]

MEASURED = "measured"
"""The source of an accuracy that was counted here."""

Task = Literal["classification", "detection"]

CLASSIFICATION: Task = "classification"


def require_task(name: str) -> Task:
    """A task by its name.

    Raises:
        UsageError: There is no such task.
    """
    for task in get_args(Task):
        if name == task:
            return cast(Task, task)
    raise UsageError(f"task = {name!r}: must be one of {', '.join(get_args(Task))}")


@with_config(ConfigDict(extra="forbid", allow_inf_nan=False))
@dataclass(frozen=True, slots=True)
class Entry:
    """One network on one device.

    Attributes:
        name: Name of the entry and of its folder; unique in a table, see `tiernas.table.name`.
        device: Device the latency was measured on.
        engine: Deployment engine.
        engine_version: Its version.
        precision: Precision of the engine.
        batch: Images per inference.
        threads: Threads of one inference.
        latency_ms: Latency of the whole network, measured end to end, on an undisturbed machine; the median as found in
            entries of earlier versions.
        latency_interval_ms: Its interval, nominally 95 %; see `tiernas.engines.Measurement`.
        latency_unstable: Whether the interval stayed wide.
        accuracy: Top-1 accuracy on the test split, 0 to 1, which no search has seen; of what the engine runs at its
            precision, counted on every image. Of a network that was added: what its source says.
        validation_accuracy: Top-1 accuracy on the validation split, by which it was chosen; None if it was added.
        data: Name of the data set.
        data_digest: Digest of data and split.
        classes: Names of the classes, in the order of the logits; empty if they are not known, of added networks.
        resolution: Height and width of the input, in pixels.
        input_mean: Mean of red, green and blue (pixels in 0 to 1) to subtract from the input.
        input_std: Divisor of the input after that.
        space: Search space of the vector; empty if it was added.
        vector: The integers of the network.
        architecture_digest: Digest of the architecture.
        params: Parameters.
        macs: Multiply-accumulates at batch 1; None if unknown.
        recipe: How it was trained.
        seed: Seed of the training run.
        source: Origin of the accuracy: "measured" here, or the publication.
        study: Study and tier that found it, or the collection that it was added from.
        tiernas_version: Version that wrote the entry.
        created_at: When, in UTC (ISO 8601).
        exact_accuracy: The same accuracy in torch, in fp32; None if it was not evaluated, as for published figures.
        class_mean_accuracy: The mean over the classes of each one's accuracy on test images, 0 to 1, of what the engine
            runs; None if it was not evaluated.
        recommended: Whether the precision is worth using: faster than the next more exact one, and no less accurate
            than allowed. Queries return no other entries.
        advice: Why, in words; empty if there was nothing to decide.
        repeats_accuracy: Mean validation accuracy of short training runs with other seeds, which it was chosen by; None
            without any.
        repeats_standard_error: Standard error of that mean; None if unknown.
        repeats: Number of these training runs.
        reused_from: Where the short training run that found it is recorded, if not in this study; else empty.
        latency_found_ms: Median latency as found, whatever else the machine did; None in entries of earlier versions.
        latency_in_turn: The ratio to the anchor that the latency is derived from; None in entries of earlier versions.
        test_images: Number of images that `accuracy` was counted on; None if unknown (entries of earlier versions).
        provenance: How the figures were obtained; None in entries of earlier versions.
        weights_mb: Memory of the parameters at the precision, in millions of bytes, see `tiernas.limits.figures_of`;
            None if unknown (entries of earlier versions, blocks that do not count it).
        activations_mb: Memory of the feature maps that are held at the same time, at most, for a batch; likewise.
        network: What a network is called that no search found, such as "timm:resnet18"; else empty.
        source_url: Where the publication is found; empty if unknown.
        weights_license: License of the weights, such as "apache-2.0"; empty if it was not stated.
        data_license: License of the data it was trained on; empty if it was not stated.
        rival: Whether a search trained and measured it here as a known network to be judged by.
        earlier_latencies: What it had before it was measured again (`tiernas remeasure`), oldest first.
        task: "classification", or "detection": the accuracy is COCO's AP then. It is not written for classification.

    Raises:
        UsageError: The name could lead out of a folder, or something is missing that only added networks may lack.
    """

    name: str
    device: str
    engine: str
    engine_version: str
    precision: str
    batch: _Count
    threads: _Count
    latency_ms: _Positive
    latency_interval_ms: tuple[_Positive, _Positive]
    latency_unstable: bool
    accuracy: _Share
    validation_accuracy: _Share | None
    data: str
    data_digest: str
    classes: tuple[str, ...]
    resolution: _Count
    input_mean: tuple[Shift, Shift, Shift]
    input_std: tuple[Scale, Scale, Scale]
    space: str
    vector: tuple[int, ...]
    architecture_digest: str
    params: _Count
    macs: _Count | None
    recipe: dict[str, Any]
    seed: int
    source: str
    study: str
    tiernas_version: str
    created_at: str
    exact_accuracy: _Share | None = None
    class_mean_accuracy: _Share | None = None
    recommended: bool = True
    advice: str = ""
    repeats_accuracy: _Share | None = None
    repeats_standard_error: float | None = None
    repeats: Annotated[int, Field(ge=0)] = 0
    reused_from: str = ""
    latency_found_ms: _Positive | None = None
    latency_in_turn: Annotated[InTurn | None, PlainValidator(_read_in_turn)] = None
    test_images: _Count | None = None
    provenance: Provenance | None = None
    weights_mb: _Positive | None = None
    activations_mb: _Positive | None = None
    network: str = ""
    source_url: Url = ""
    weights_license: str = ""
    data_license: str = ""
    rival: bool = False
    earlier_latencies: tuple[EarlierLatency, ...] = ()
    task: Task = CLASSIFICATION

    def __post_init__(self) -> None:
        require_safe_name(self.name)
        missing = [key for key in _OF_SEARCHES if getattr(self, key) in (None, (), "")]
        if missing and not self.network:
            raise UsageError(f"{missing[0]} is empty; only networks that were added may lack it")

    def to_json(self) -> str:
        """The entry as JSON, one line per key."""
        lines = [f'  "format": {FORMAT_VERSION}']
        lines += [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in self._written().items()]
        return "{\n" + ",\n".join(lines) + "\n}\n"

    def _written(self) -> dict[str, Any]:
        """Without the task of a classifier, so that earlier versions read it and tables stay as they were."""
        return {key: value for key, value in asdict(self).items() if (key, value) != ("task", CLASSIFICATION)}

    def to_dict(self) -> dict[str, Any]:
        """The entry as plain values, and its `accuracy_interval`."""
        return asdict(self) | {"accuracy_interval": self.accuracy_interval}

    @property
    def is_published(self) -> bool:
        """Whether the accuracy is what a publication says, and was not measured here."""
        return self.source != MEASURED

    @property
    def is_kept(self) -> bool:
        """Whether the table has the network itself, so that it can be exported; of added ones only ONNX files are."""
        return self.has_weights or self.network.lower().endswith(".onnx")

    @property
    def has_weights(self) -> bool:
        """Whether it was trained here, so that the table has its architecture and weights."""
        return not self.network or self.rival

    @property
    def accuracy_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the accuracy; None if the number of test images is unknown."""
        return None if self.test_images is None else wilson_interval(self.accuracy, self.test_images)

    @property
    def accuracies(self) -> tuple[float, ...]:
        """The accuracy in each training run with another seed; one run is known."""
        return (self.accuracy,)

    @property
    def shown_accuracy(self) -> str:
        """The accuracy with its interval in percent, such as "98.15% (95.7-99.2)"."""
        if self.accuracy_interval is None:
            return f"{self.accuracy:.2%}"
        low, high = self.accuracy_interval
        return f"{self.accuracy:.2%} ({100 * low:.1f}-{100 * high:.1f})"

    @property
    def figures(self) -> dict[str, float | None]:
        """What limits refer to (`tiernas.limits.Limits`), by name; None if unknown."""
        return {name: getattr(self, name) for name in ("params", "macs", "weights_mb", "activations_mb")}

    @property
    def study_name(self) -> str:
        """Name of the study, without the tier."""
        return self.study.rpartition(", ")[0] or self.study

    @property
    def found_ms(self) -> float:
        """Median latency as found; the only latency in entries of earlier versions."""
        return self.latency_found_ms or self.latency_ms

    @property
    def shown_latency(self) -> str:
        """The latency in ms, with half its interval if that stayed wide, such as "3.210 +-8 %".

        For earlier versions, whose intervals are less reliable, with "?" instead (docs/table.md explains the marks).
        """
        if not self.latency_unstable:
            return f"{self.latency_ms:.3f}"
        if self.latency_in_turn is None:
            return f"{self.latency_ms:.3f}?"
        low_ms, high_ms = self.latency_interval_ms
        return f"{self.latency_ms:.3f} +-{50 * relative_width(self.latency_ms, low_ms, high_ms):.2g} %"

    @property
    def digest(self) -> str:
        """8 hexadecimal digits of the network, its training and what it runs on; not of its name."""
        told = json.dumps([*self._identity, self.recipe], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()[:8]

    def named(self, called: str) -> Entry:
        """This entry with its whole, unique name: what it is called, what it runs on, and its digest."""
        runs_on = f"{name_part(self.engine)}-{name_part(self.precision)}"
        return replace(self, name=f"{called}-{runs_on}-{self.digest}")

    def same(self, other: Entry) -> bool:
        """Whether both have the same trained network, device and engine, whatever their names.

        A recipe may have new keys since; then the time of the training run decides.
        """
        trained_alike = self.recipe == other.recipe or self.created_at == other.created_at
        return self._identity == other._identity and trained_alike

    @property
    def _identity(self) -> list[Any]:
        added = [self.network] if self.network else []  # digests of searched networks stay as they were
        return [getattr(self, key) for key in (*_NETWORK, *_CONDITIONS)] + added

    @classmethod
    def from_json(cls, text: str) -> Entry:
        """The entry of a JSON text.

        Raises:
            UsageError: It is not an entry, a value has a wrong type or is out of range, or a newer version wrote it.
        """
        try:
            data = json.loads(text)
            version = data.pop("format", None) if isinstance(data, dict) else None
            plain = json.dumps(data, allow_nan=False)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"not JSON ({error})") from error
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise UsageError("not an entry of a model table")
        if version > FORMAT_VERSION:
            raise UsageError(f"format {version}; this tiernas reads up to {FORMAT_VERSION}. Update tiernas")
        try:
            return _adapter().validate_json(plain, strict=True)
        except ValidationError as error:
            problems = error.errors(include_url=False)
            more = f"; and {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
            raise UsageError("; ".join(map(_explained, problems[:_LISTED])) + more) from None


@cache
def _adapter() -> TypeAdapter[Entry]:
    return TypeAdapter(Entry)


def _explained(problem: Any) -> str:
    where = ".".join(map(str, problem["loc"]))
    message = problem["msg"].removeprefix("Value error, ")
    if not where:
        return str(message)
    match problem["type"]:
        case "missing":
            return f"key {where} is missing"
        case "unexpected_keyword_argument" | "extra_forbidden":
            return f"key {where} is unknown; a newer tiernas may have written it"
    return f"{where} = {reprlib.repr(problem['input'])}: {message[:1].lower()}{message[1:]}"
