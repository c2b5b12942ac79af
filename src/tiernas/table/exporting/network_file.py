"""Files of networks in formats that other programs read: what can be added to them or changed at export."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import onnx
from google.protobuf.message import DecodeError

from tiernas.errors import UsageError

_FACTS = "tiernas"
"""Where our own facts stand; those of the Model API stand in `model_info`."""

_MODEL_INFO = "model_info"


class NetworkFile(abc.ABC):
    """A network in a file with one input, the images, and one output, the logits.

    Args:
        path: The file.

    Attributes:
        input_name: Name of the images.
        output_name: Name of the logits.

    Raises:
        UsageError: It cannot be read.
    """

    input_name: str
    output_name: str

    @abc.abstractmethod
    def __init__(self, path: Path) -> None: ...

    @abc.abstractmethod
    def describe(self, model_info: Mapping[str, str], facts: str | None = None) -> None:
        """Adds what others read.

        Args:
            model_info: The network as OpenVINO's Model API reads it.
            facts: Our own facts, as JSON; None for a network that was not measured.
        """

    @abc.abstractmethod
    def free_batch(self) -> None:
        """Lets the network take any number of images; whether it can is found out by running it."""

    @abc.abstractmethod
    def save(self) -> None:
        """Writes the file anew."""


class OnnxFile(NetworkFile):
    """A network as ONNX, described in its `metadata_props`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._model = onnx.load(path)
            graph = self._model.graph
            weights = {tensor.name for tensor in graph.initializer}
            (self._input,) = [value for value in graph.input if value.name not in weights]
            (self._output,) = graph.output
        except (DecodeError, ValueError) as error:
            raise UsageError(f"{path}: is not an ONNX network with one input and one output ({error})") from error
        self.input_name, self.output_name = self._input.name, self._output.name

    def describe(self, model_info: Mapping[str, str], facts: str | None = None) -> None:
        """Adds what others read; the Model API separates the parts of a key by a space."""
        there = {each.key: each.value for each in self._model.metadata_props}
        own = {_FACTS: facts} if facts is not None else {}
        described = {f"{_MODEL_INFO} {key}": value for key, value in model_info.items()}
        onnx.helper.set_model_props(self._model, {**there, **described, **own})

    def free_batch(self) -> None:
        for value in (self._input, self._output):
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
        self._model.graph.ClearField("value_info")  # shapes in between, for the old batch size

    def save(self) -> None:
        onnx.save(self._model, self._path)


class IrFile(NetworkFile):
    """A network as OpenVINO IR, described in its `rt_info`; its weights are in the file beside it.

    The XML is edited as such, so that an export needs no runtime. OpenVINO reads `<NAME value="..."/>` in `rt_info` and
    infers all shapes from that of the input (openvinotoolkit/openvino, `xml_deserialize_util.cpp`).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._tree = ElementTree.parse(path)
            layers = {layer.get("id"): layer for layer in self._tree.findall("layers/layer")}
            (self._input,) = [layer for layer in layers.values() if layer.get("type") == "Parameter"]
            (output,) = [layer for layer in layers.values() if layer.get("type") == "Result"]
            (edge,) = [edge for edge in self._tree.findall("edges/edge") if edge.get("to-layer") == output.get("id")]
            self.input_name = _leaving(self._input)
            self.output_name = output.get("output_names") or _leaving(
                layers[edge.get("from-layer")], edge.get("from-port")
            )
        except (ElementTree.ParseError, ValueError, KeyError) as error:
            raise UsageError(f"{path}: is not an OpenVINO IR with one input and one output ({error})") from error

    def describe(self, model_info: Mapping[str, str], facts: str | None = None) -> None:
        described = {_MODEL_INFO: dict(model_info)}
        if facts is not None:
            described[_FACTS] = {"deploy": facts}
        root = self._tree.getroot()
        place = root.find("rt_info")
        if place is None:
            place = ElementTree.SubElement(root, "rt_info")
        for key, values in described.items():
            for there in place.findall(key):
                place.remove(there)
            section = ElementTree.SubElement(place, key)
            for name, value in values.items():
                ElementTree.SubElement(section, name, value=value)

    def free_batch(self) -> None:
        data = self._input.find("data")
        shape = "" if data is None else data.get("shape", "")
        if data is None or not shape:
            raise UsageError(f"{self._path}: its input has no shape")
        data.set("shape", ",".join(["?", *shape.split(",")[1:]]))

    def save(self) -> None:
        self._tree.write(self._path, encoding="utf-8", xml_declaration=True)


def _leaving(layer: ElementTree.Element, port: str | None = None) -> str:
    """The name of the tensor that leaves a layer by one of its ports, or by the only one."""
    (found,) = [each for each in layer.findall("output/port") if port in (None, each.get("id"))]
    return found.get("names") or layer.get("name") or ""


_FORMATS: Mapping[str, type[NetworkFile]] = {".onnx": OnnxFile, ".xml": IrFile}


def open_network_file(path: Path) -> NetworkFile | None:
    """The network in a file; None if its format is only for one runtime, such as that of a plug-in."""
    kind = _FORMATS.get(path.suffix)
    try:
        return None if kind is None else kind(path)
    except UsageError:
        return None
