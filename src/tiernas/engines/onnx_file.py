"""The ONNX file of an engine: one network with one input of fixed shape and one output."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError

from tiernas.engines.input_shape import fixed_shape
from tiernas.errors import UsageError, last_line


@dataclass(frozen=True, slots=True)
class OnnxNetwork:
    """A network read from a file.

    Attributes:
        path: The file.
        model: The network, with its weights.
        input_name: Name of the images.
        input_shape: Their shape, NCHW.
    """

    path: Path
    model: onnx.ModelProto
    input_name: str
    input_shape: tuple[int, int, int, int]


def read_network(path: Path, batch: int) -> OnnxNetwork:
    """Reads an ONNX file and checks that it contains a network that can be measured.

    Args:
        path: The file.
        batch: Images per inference for which it must have been exported.

    Raises:
        UsageError: The file is missing, is not an ONNX network, does not have exactly one float32 input of four fixed
            sizes and one output, or was exported for another batch size.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
    except (DecodeError, onnx.checker.ValidationError, OSError) as error:
        raise UsageError(f"{path}: is not an ONNX network: {last_line(error)}") from error
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    if len(inputs) != 1 or len(model.graph.output) != 1:
        raise UsageError(
            f"{path}: has {len(inputs)} inputs and {len(model.graph.output)} outputs; "
            "a network has one input, the images, and one output, the logits"
        )
    tensor = inputs[0].type.tensor_type
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        found = onnx.TensorProto.DataType.Name(tensor.elem_type)
        raise UsageError(f"{path}: takes images of type {found}; must be FLOAT: engines convert to their own precision")
    shape = fixed_shape(path, [size.dim_value or size.dim_param for size in tensor.shape.dim])
    if shape[0] != batch:
        raise UsageError(f"{path}: was exported for batch {shape[0]}; the engine runs batch {batch}")
    return OnnxNetwork(path, model, inputs[0].name, shape)
