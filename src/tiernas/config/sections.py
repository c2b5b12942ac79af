"""The small sections of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from tiernas.closest import require_known
from tiernas.config.ledger_url import expand_ledger
from tiernas.config.section import Section
from tiernas.devices.address import KIT, SshAddress
from tiernas.engines.catalogue import ENGINES
from tiernas.latency.measuring.advice import ACCURACY_BUDGET_POINTS
from tiernas.ledger import is_meant_as_url
from tiernas.limits import Limits
from tiernas.spaces import PARENT
from tiernas.spaces.catalogue import SPACES
from tiernas.tiers import DEFAULT_POOL_NETWORKS
from tiernas.training import TeacherConfig

DEFAULT_TABLE = Path("model-table")

_PRECISIONS = ("fp32", "bf16", "fp16", "int8")
"""Precisions of all built-in engines. Which ones an engine runs depends on the device, and is checked when a search
begins."""


_License = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{0,100}$")]
"""One line: it becomes part of files of several formats."""


def _folder_or_url(place: str) -> str:
    if is_meant_as_url(place) and "://" not in place:
        raise ValueError("is neither a folder nor a URL; write SCHEME://HOST/FOLDER, or ./NAME for a folder")
    return place


def _usable_space(name: str) -> str:
    return name if name == PARENT else SPACES.require_usable(name)


class StudySection(Section):
    """What is searched, and where the results go.

    Attributes:
        name: Name of the study; entries of the model table begin with it. Letters, digits, `-` and `_`.
        space: Search space: a built-in name, a name that an installed package offers, `package.module:object`, or
            "parent", the parts of the network named in `[parent]`.
        output: Folder for the ledger, checkpoints, latency table, logs and report.
        seed: Seed of everything random.
        ledger: URL of the ledger's database, `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`; by default a file
            in the output folder. `${NAME}` is replaced by that environment variable.
        checkpoints: Folder of checkpoints and weights, or an fsspec URL such as `s3://BUCKET/FOLDER`; all nodes must
            see it. By default a folder in the output folder.
        tensorboard: Whether the learning curves of every candidate are written to `tensorboard` in the output folder.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
    space: Annotated[str, BeforeValidator(SPACES.as_text), AfterValidator(_usable_space)] = "gpunet-small"
    output: Path
    seed: Annotated[int, Field(ge=0)] = 0
    ledger: Annotated[str | None, AfterValidator(lambda url: url and expand_ledger(url)), Field(repr=False)] = None
    checkpoints: Annotated[
        str | None, Field(min_length=1), AfterValidator(lambda place: place and _folder_or_url(place))
    ] = None
    tensorboard: bool = True


class EngineSection(Section):
    """The deployment target of the networks.

    Attributes:
        name: Deployment engine: a built-in name, a name that an installed package offers, or `package.module:Class`.
        precision: Precision of the engine: fp32, bf16, fp16 or int8, as far as engine and device support it; plug-in
            engines may have others.
        batch: Images per inference.
        threads: Threads of one inference.
    """

    name: Annotated[str, BeforeValidator(ENGINES.as_text), AfterValidator(ENGINES.require_known)] = "openvino"
    precision: str = "fp32"
    batch: Annotated[int, Field(ge=1)] = 1
    threads: Annotated[int, Field(ge=1)] = 1

    @field_validator("precision")
    @classmethod
    def _known_precision(cls, precision: str, info: ValidationInfo) -> str:
        if info.data.get("name") not in ENGINES.built_in:
            return precision
        return require_known(precision, _PRECISIONS, "precision")


def _device_address(address: str) -> str:
    return address if address == KIT else str(SshAddress.parse(address))


class DeviceSection(Section):
    """The machine that networks are deployed on.

    Attributes:
        address: `ssh://[USER@]HOST[:PORT]`: networks are measured there, and trained here or on a cluster. "kit": they
            are measured by kits that are carried to it (`tiernas latency plan`, `tiernas finalists plan`). By default
            they are measured on this machine.
    """

    address: Annotated[str | None, AfterValidator(lambda address: address and _device_address(address))] = None

    @property
    def by_kit(self) -> bool:
        """Whether it has no connection."""
        return self.address == KIT


class LatencySection(Section):
    """The latency table.

    Attributes:
        table: File of the table; by default `latency-table.jsonl` in the output folder. Built if it is missing.
        networks: Number of whole networks that a table is built from; up to twice as many if it is too inaccurate.
        other_device: Accept a table from another device; finalists are measured on the device of this search anyway.
        other_classes: Accept a table whose networks have another number of classes than the data; likewise.
        inaccurate: Accept a table whose estimates are too inaccurate for the tiers (`tiernas latency show`).
    """

    table: Path | None = None
    networks: Annotated[int, Field(ge=10)] = 100
    other_device: bool = False
    other_classes: bool = False
    inaccurate: bool = False


class TiersSection(Section):
    """The latency tiers.

    Attributes:
        edges: Increasing latencies in ms: [0.2, 0.4, 0.8] makes the tiers 0.2-0.4 and 0.4-0.8.
        pool: Number of Sobol samples that are sorted into the tiers.
    """

    edges: Annotated[list[float], Field(min_length=2)]
    pool: Annotated[int, Field(ge=1, le=2**24)] = DEFAULT_POOL_NETWORKS


class LimitsSection(Section):
    """The most that a network may have besides its latency; what is not set is not limited.

    All of it is counted, so that networks beyond a limit are never proposed, trained or measured. A megabyte is
    1,000,000 bytes.

    Attributes:
        params: Trainable parameters.
        macs: Multiply-accumulates at batch 1.
        weights_mb: Memory of the parameters at the precision of the engine: 4 bytes each at fp32, 2 at fp16 and bf16;
            at int8 1 for a weight of a convolution or linear layer and 4 for any other parameter.
        activations_mb: Memory of the feature maps that are held at the same time, at most, for `engine.batch` images:
            usually the input and the output of one layer; inside a residual block its input too, until it is added.
    """

    params: Annotated[int | None, Field(ge=1)] = None
    macs: Annotated[int | None, Field(ge=1)] = None
    weights_mb: Annotated[float | None, Field(gt=0)] = None
    activations_mb: Annotated[float | None, Field(gt=0)] = None

    @property
    def limits(self) -> Limits:
        """The limits as a value."""
        return Limits(self.params, self.macs, self.weights_mb, self.activations_mb)


class FinalistsSection(Section):
    """The best of each tier, which become entries of the model table.

    Attributes:
        per_tier: Number of finalists of each tier; 0 ends after the search.
        repeats: Number of other seeds with which the best are trained again, with the recipe of the search, before
            finalists are chosen by their mean; 0 chooses by the accuracy of the search.
        repeat_best: Number of candidates of each tier that are trained with other seeds.
        epochs: Epochs of their training.
        seeds: Number of seeds with which they, whole parents and rivals are trained so. Entries have the first one;
            `tiernas verdict` takes the mean, and its interval from all of them.
        accuracy_budget_points: Accuracy that a low precision of the engine may lose, in percentage points; an entry
            that loses more is kept but never recommended.
        measure_seconds: Longest measurement of each of the best, in each precision; on a quiet device it takes less.
        teacher: Their teacher, if it differs from `recipe.teacher` or only finalists have one.
    """

    per_tier: Annotated[int, Field(ge=0)] = 2
    repeats: Annotated[int, Field(ge=0)] = 1
    repeat_best: Annotated[int, Field(ge=1)] = 4
    epochs: Annotated[int, Field(ge=1)]
    seeds: Annotated[int, Field(ge=1, le=20)] = 1
    accuracy_budget_points: Annotated[float, Field(ge=0)] = ACCURACY_BUDGET_POINTS
    measure_seconds: Annotated[float, Field(gt=0)] = 10.0
    teacher: TeacherConfig | None = None


class TableSection(Section):
    """The model table.

    Attributes:
        path: Folder of the table; other studies may write to the same one. By default `model-table` next to the file.
        weights_license: License of the weights of its entries, as the Hugging Face Hub writes it: "apache-2.0",
            "cc-by-nc-4.0", "other". It is in their cards and exports.
        data_license: License of the data, likewise.
    """

    path: Path = DEFAULT_TABLE
    weights_license: _License = ""
    data_license: _License = ""
