"""ONNX to a serialized TensorRT engine, by way of a strongly typed network."""

from __future__ import annotations

from typing import Any

from tiernas.engines.gpu_state import Gpu
from tiernas.engines.tensorrt.library import TrtLibrary
from tiernas.errors import UsageError

_SHOWN = 3
"""Errors of TensorRT that a message shows; the last ones repeat the first in other words."""


class TrtNetwork:
    """A parsed network; the parser owns the weights, so it lives as long as the network.

    Args:
        library: TensorRT or TensorRT-RTX.
        model: A serialized ONNX model, in the types that the network shall have.
        source: What messages call it, such as its file.

    Raises:
        UsageError: The model has an operator that TensorRT lacks, or that it cannot take as it is used; TensorRT cannot
            start on this machine.
    """

    def __init__(self, library: TrtLibrary, model: bytes, source: str) -> None:
        trt = library.trt
        library.messages.clear()
        self._library = library
        self._source = source
        try:
            self._builder = trt.Builder(library.logger)
        except TypeError as error:  # pybind11's word for a null pointer
            raise UsageError(f"{library.title} cannot start: {_told(library.messages)}") from error
        strongly_typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        self.definition = self._builder.create_network(strongly_typed)
        self._parser = trt.OnnxParser(self.definition, library.logger)
        if not self._parser.parse(model):
            errors = [self._parser.get_error(i) for i in range(self._parser.num_errors)]
            raise UsageError(f"{source}: {library.title} cannot take it: {self._told_by_parser(errors)}")

    def build(self, gpu: Gpu | None, timings: bytes | None = None) -> tuple[bytes, bytes | None]:
        """Builds an engine that names its layers in full, and whose fp32 is fp32 and not TF32.

        Args:
            gpu: The GPU that the engine is for; None for an engine that runs on any (TensorRT-RTX only).
            timings: Times of kernels from an earlier build.

        Returns:
            The serialized engine, and the times of kernels for the next build (None for TensorRT-RTX).

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
                f"{self._source}: {self._library.title} cannot build an engine: {_told(self._library.messages)}"
            )
        return bytes(serialized), self._library.timings(config)

    def convolution_types(self) -> dict[str, str]:
        """What each convolution computes in, by name: FLOAT, HALF, or INT8 where images and weights are dequantised."""
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
                operands = [layer.get_input(i) for i in range(2) if layer.get_input(i)]  # weights may be no tensor
                types = {dequantized.get(tensor.name, tensor.dtype.name) for tensor in operands}
                found[layer.name] = types.pop() if len(types) == 1 else layer.get_output(0).dtype.name
        return found

    def _told_by_parser(self, errors: list[Any]) -> str:
        told = []
        for error in errors:
            operator = error.node_operator()
            if operator and not self._parser.supports_operator(operator):
                told.append(f"it has no operator {operator} (node {error.node_name()!r})")
            else:
                told.append(f"{operator or 'graph'} (node {error.node_name()!r}): {error.desc()}")
        return _told(list(dict.fromkeys(told)))


def _told(messages: list[str]) -> str:
    """The first messages of TensorRT on one line."""
    shown = "; ".join(" ".join(message.split()) for message in messages[:_SHOWN])
    return shown or "it gives no reason"
