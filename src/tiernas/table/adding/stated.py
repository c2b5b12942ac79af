"""Networks with the accuracy that a source states, from JSON files (docs/table.md has an example)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from tiernas.closest import did_you_mean
from tiernas.errors import UsageError
from tiernas.networks.normalization import IMAGE_MEAN, IMAGE_STD, Rgb
from tiernas.proportions import parse_proportion
from tiernas.table.entry import MEASURED, Scale, Shift, Url

OWN = ("released", "rivals")
"""Collections that come with tiernas: the seven GPUNets, and twenty networks of timm that the paper compares with."""

_FILES = (".onnx", ".json")
"""Networks in files, whose names are relative to that of the collection."""

_ALLOWED = {
    "source_url": "must begin with https:// or http://, or be empty",
    "classes": "must be a number, or a list of names",
    "data_digest": "must be hexadecimal digits in lower case",
}
"""What keys may be whose form pydantic cannot describe in words."""

_SHOWN = 80
"""Number of characters of a wrong value shown in a message."""

_Count = Annotated[int, Field(ge=1, strict=True)]
_Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=500)]


def _proportion(value: object) -> object:
    return parse_proportion(value, "accuracy") if isinstance(value, str) else value


class StatedNetwork(BaseModel):
    """A network and what its source says.

    Attributes:
        network: What tiernas measures: a released name, `timm:NAME`, an ONNX file, or an architecture file (.json).
        accuracy: Top-1 accuracy on the test images, 0 to 1, or a text such as "78.9%".
        data: Name of the data set.
        source: Where the accuracy is from.
        name: What entries are called; by default like the network.
        source_url: Address of the source.
        resolution: Height and width of the input, in pixels; by default the network's own.
        test_images: Number of images that the accuracy was counted on, for its interval.
        classes: Their names in the order of the logits, or their number.
        data_digest: Digest of the data in other entries of the table, if they were tested on the same images.
        precision: Precision that the accuracy is for. In others the entry is not recommended.
        input_mean: Mean of red, green and blue (pixels in 0 to 1), which is subtracted; by default that of timm's
            network, or ImageNet's.
        input_std: Standard deviation, by which the difference is divided.
        weights_license: License of the weights.
        data_license: License of the data.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    network: Annotated[_Line, Field(min_length=1)]
    accuracy: Annotated[float, BeforeValidator(_proportion), Field(ge=0, le=1, strict=True)]
    data: Annotated[_Line, Field(min_length=1)]
    source: Annotated[_Line, Field(min_length=1)]
    name: _Line = ""
    source_url: Url = ""
    resolution: _Count | None = None
    test_images: _Count | None = None
    classes: _Count | Annotated[list[_Line], Field(min_length=1)] | None = None
    data_digest: Annotated[str, Field(pattern=r"^[0-9a-f]*$")] = ""
    precision: str = "fp32"
    input_mean: tuple[Shift, Shift, Shift] | None = None
    input_std: tuple[Scale, Scale, Scale] | None = None
    weights_license: _Line = ""
    data_license: _Line = ""

    @field_validator("source")
    @classmethod
    def _is_a_source(cls, source: str) -> str:
        if source == MEASURED:
            raise ValueError("must say who measured the accuracy: a paper, a page, or your own test")
        return source

    @property
    def shown(self) -> str:
        """What messages and entries call it."""
        return self.name or (Path(self.network).stem if self.is_onnx else self.network)

    @property
    def is_file(self) -> bool:
        """Whether the network is in a file."""
        return self.network.lower().endswith(_FILES)

    @property
    def is_onnx(self) -> bool:
        """Whether it is an ONNX file."""
        return self.network.lower().endswith(".onnx")

    @property
    def tested_on(self) -> str:
        """Digest of the data: entries that were tested on data of one name are compared."""
        return self.data_digest or hashlib.sha256(self.data.encode()).hexdigest()[:16]

    @property
    def num_classes(self) -> int | None:
        """The number of classes; None if it is not stated."""
        return len(self.classes) if isinstance(self.classes, list) else self.classes

    def normalization(self, of_network: tuple[Rgb, Rgb] | None) -> tuple[Rgb, Rgb]:
        """Mean and standard deviation of its input.

        Args:
            of_network: Those that the network itself names.
        """
        mean, std = of_network or (IMAGE_MEAN, IMAGE_STD)
        return self.input_mean or mean, self.input_std or std


@dataclass(frozen=True, slots=True)
class Collection:
    """Networks of one file.

    Attributes:
        name: Name of the file, without its ending.
        networks: The networks; those in files with their whole paths.
    """

    name: str
    networks: Sequence[StatedNetwork]


def own_collection(name: str) -> Collection:
    """One of the collections that come with tiernas, see `OWN`."""
    text = (files("tiernas.table.adding") / f"{name}.json").read_text("utf-8")
    return Collection(name, _networks(text, name, Path()))


def read_stated(path: Path) -> Collection:
    """Reads a JSON file.

    It is an object with the list `networks`. Each of them has the keys of `StatedNetwork`; a key that all have in
    common may stand beside `networks` instead, and so may a `note`, which is ignored.

    Args:
        path: The file.

    Raises:
        UsageError: It cannot be read, or a key or a value is wrong; the message names the network and the key.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    return Collection(path.stem, _networks(text, str(path), path.parent))


def _networks(text: str, name: str, folder: Path) -> list[StatedNetwork]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name}: is not JSON ({error})") from error
    listed = document.pop("networks", None) if isinstance(document, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise UsageError(f'{name}: must be an object with a list of objects under "networks"')
    document.pop("note", None)
    return [_network({**document, **each}, f"{name}: networks[{i}]", folder) for i, each in enumerate(listed)]


def _network(values: Mapping[str, Any], place: str, folder: Path) -> StatedNetwork:
    network = values.get("network")
    if isinstance(network, str) and network.lower().endswith(_FILES):
        values = {**values, "network": str(folder / Path(network).expanduser())}
    try:
        return StatedNetwork.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{place}: {_explained(error.errors(include_url=False)[0])}") from None


def _explained(problem: Any) -> str:
    key = str(problem["loc"][0]) if problem["loc"] else ""
    known = StatedNetwork.model_fields
    match problem["type"]:
        case "missing":
            return f"{key} is missing"
        case "extra_forbidden":
            return f"unknown key {key!r}{did_you_mean(key, known)} (there are: {', '.join(known)})"
    message = _ALLOWED.get(key) or str(problem["msg"].removeprefix("Value error, "))
    if problem["type"] == "string_pattern_mismatch" and key not in _ALLOWED:
        message = "must be one line"
    if message.startswith(f"{key} = "):
        return message
    return f"{key} = {json.dumps(problem['input'], default=str)[:_SHOWN]}: {message[:1].lower()}{message[1:]}"
