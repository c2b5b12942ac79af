"""Runs a network that was saved for TensorRT or TensorRT-RTX.

Needs only the package, numpy and cuda-bindings.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def load(path: Path, options: Mapping[str, Any]) -> Callable[[FloatArray], FloatArray]:
    """A network as a function from normalized images, `(batch, 3, height, width)`, to logits, `(batch, classes)`.

    The engine file beside the network is used if it is for this GPU and version of the package, else one is built.

    Args:
        path: The ONNX file with its types.
        options: `package`, and its `version` that built the engine file.
    """
    from cuda.bindings import runtime as cuda

    trt = importlib.import_module(options["package"])
    logger = trt.Logger(trt.Logger.ERROR)
    runtime = trt.Runtime(logger)
    engine_path = path.with_suffix(".engine")
    engine = None
    if engine_path.exists() and trt.__version__ == options["version"]:
        engine = runtime.deserialize_cuda_engine(engine_path.read_bytes())
    if engine is None:
        engine = runtime.deserialize_cuda_engine(build(trt, logger, path))
    context = engine.create_execution_context()
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    images_name, logits_name = sorted(names, key=lambda name: engine.get_tensor_mode(name) != trt.TensorIOMode.INPUT)
    logits = np.empty(tuple(engine.get_tensor_shape(logits_name)), np.float32)
    images_bytes = 4 * int(np.prod(tuple(engine.get_tensor_shape(images_name))))
    stream = _checked(cuda.cudaStreamCreate())
    on_gpu = {
        images_name: _checked(cuda.cudaMalloc(images_bytes)),
        logits_name: _checked(cuda.cudaMalloc(logits.nbytes)),
    }
    for name, address in on_gpu.items():
        context.set_tensor_address(name, int(address))

    def run(images: FloatArray) -> FloatArray:
        images = np.ascontiguousarray(images)
        to, back = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice, cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        _checked(cuda.cudaMemcpy(on_gpu[images_name], images.ctypes.data, images_bytes, to))
        if not context.execute_async_v3(int(stream)):
            raise RuntimeError(f"{options['package']} cannot run the network")
        _checked(cuda.cudaStreamSynchronize(stream))
        _checked(cuda.cudaMemcpy(logits.ctypes.data, on_gpu[logits_name], logits.nbytes, back))
        return logits.copy()

    return run


def build(trt: Any, logger: Any, path: Path) -> bytes:
    """A serialized engine of a network in the types given in its ONNX file, without TF32.

    Raises:
        RuntimeError: The package cannot build it.
    """
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(path.read_bytes()):
        raise RuntimeError(f"{path.name}: {parser.get_error(0).desc()}")
    config = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)
    serialized = builder.build_serialized_network(network, config)
    if serialized is None:
        raise RuntimeError(f"{path.name}: no engine can be built from it")
    return bytes(serialized)


def _checked(answer: tuple[Any, ...]) -> Any:
    """What a function of CUDA's runtime returned, without its status."""
    status, *values = answer
    if int(status) != 0:
        raise RuntimeError(f"CUDA: {status.name}")
    return values[0] if values else None
