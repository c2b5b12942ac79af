"""Builds a serialized TensorRT engine from ONNX, via a strongly typed network."""

from __future__ import annotations

from typing import Any

from tiernas.engines.gpu_state import Gpu
from tiernas.engines.tensorrt.library import TrtLibrary
from tiernas.errors import UsageError

_SHOWN = 3
"""Number of TensorRT errors shown in a message; later ones only rephrase the first."""


class TrtNetwork:
    """A parsed network, together with its parser, which owns the weights.

    Args:
        library: TensorRT or TensorRT-RTX.
        model: A serialized ONNX model, in the types that the network is to have.
        source: How messages refer to it, such as its file.

    Raises:
        UsageError: The model has an operator that TensorRT lacks or does not support in this usage, or TensorRT cannot
            start on this machine.
    """

    def __init__(self, library: TrtLibrary, model: bytes, source: str) -> None:
        trt = library.trt
        library.messages.clear()
        self._library = library
        self._source = source
        try:
            self._builder = trt.Builder(library.logger)
        except TypeError as error:  # raised by pybind11 for a null pointer
            raise UsageError(f"{library.title} cannot start: {_reason(library.messages)}") from error
        strongly_typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        self.definition = self._builder.create_network(strongly_typed)
        self._parser = trt.OnnxParser(self.definition, library.logger)
        if not self._parser.parse(model):
            errors = [self._parser.get_error(i) for i in range(self._parser.num_errors)]
            raise UsageError(f"{source}: {library.title} cannot parse it: {self._parser_reason(errors)}")

    def build(self, gpu: Gpu | None, timings: bytes | None = None) -> tuple[bytes, bytes | None]:
        """Builds an engine with full layer names, in which fp32 does not mean TF32.

        Args:
            gpu: The target GPU; None for an engine that runs on any GPU (TensorRT-RTX only).
            timings: Kernel timings from an earlier build.

        Returns:
            The serialized engine, and the kernel timings for the next build (None for TensorRT-RTX).

        Raises:
            UsageError: TensorRT has no kernels for the network.
        """
        trt = self._library.trt
        config = self._builder.create_builder_config()
        config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
        config.clear_flag(trt.BuilderFlag.TF32)
        self._library.configure(config, gpu, timings)
        self._library.messages.clear()
        serialized = self._builder.build_serialized_network(self.definition, config)
        if serialized is None:
            raise UsageError(
                f"{self._source}: {self._library.title} cannot build an engine: {_reason(self._library.messages)}"
            )
        return bytes(serialized), self._library.timings(config)

    def convolution_types(self) -> dict[str, str]:
        """The type of each convolution, by name: FLOAT, HALF, or INT8 if its input and weights are dequantized."""
        trt = self._library.trt
        layers = [self.definition.get_layer(i) for i in range(self.definition.num_layers)]
        dequantized = {
            layer.get_output(0).name: layer.get_input(0).dtype.name
            for layer in layers
            if layer.type == trt.LayerType.DEQUANTIZE
        }
        found = {}
        for layer in layers:
            if layer.type == trt.LayerType.CONVOLUTION:
                operands = [layer.get_input(i) for i in range(2) if layer.get_input(i)]  # weights need not be a tensor
                types = {dequantized.get(tensor.name, tensor.dtype.name) for tensor in operands}
                found[layer.name] = types.pop() if len(types) == 1 else layer.get_output(0).dtype.name
        return found

    def _parser_reason(self, errors: list[Any]) -> str:
        reasons = []
        for error in errors:
            operator = error.node_operator()
            if operator and not self._parser.supports_operator(operator):
                reasons.append(f"it has no operator {operator} (node {error.node_name()!r})")
            else:
                reasons.append(f"{operator or 'graph'} (node {error.node_name()!r}): {error.desc()}")
        return _reason(list(dict.fromkeys(reasons)))


def _reason(messages: list[str]) -> str:
    """The first messages of TensorRT on one line."""
    shown = "; ".join(" ".join(message.split()) for message in messages[:_SHOWN])
    return shown or "no reason was given"
