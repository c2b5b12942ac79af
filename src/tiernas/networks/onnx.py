"""Exports networks to ONNX and checks them against torch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from torch import nn

from tiernas.errors import TiernasError, UsageError
from tiernas.networks.as_trained import vary_constants
from tiernas.networks.building import Network, build, repeatable_weights
from tiernas.networks.plugin_layers import plugin_blocks, require_declared_shapes
from tiernas.plugins import failure
from tiernas.spaces.architecture import Architecture

OPSET = 17
"""ONNX operator set, which every supported engine reads."""

_TOLERANCE = 1e-3
"""Maximum difference of a logit, relative to the largest logit, that rounding explains in fp32."""


def export_onnx(network: Network, path: Path, *, batch: int = 1) -> None:
    """Writes a network in evaluation mode as ONNX, with input `images`, output `logits` and fixed shapes.

    A node's name starts with the path of its module, `/blocks/blocks.3/...` for layer 3, which assigns the nodes of a
    latency profile to layers.

    Args:
        network: The network; its mode is restored.
        path: The file to write.
        batch: Images per inference.

    Raises:
        UsageError: torch cannot export a network with plug-in blocks.
    """
    resolution = network.architecture.resolution
    try:
        write_onnx(network, path, (batch, 3, resolution, resolution))
    except Exception as error:  # torch raises anything for an operator that it cannot export
        if (blocks := plugin_blocks(network.architecture)) is None:
            raise
        raise UsageError(
            f"torch cannot export a network with the {blocks} to ONNX (operator set {OPSET}): {failure(error)}"
        ) from error


def export_untrained(architecture: Architecture, num_classes: int, path: Path, *, batch: int = 1) -> None:
    """Like `export_onnx`, for a network with repeatable random weights, which suffice for latencies.

    It keeps all operations of a trained one (`vary_constants`).

    Raises:
        UsageError: A plug-in layer contradicts its module, or torch cannot export it.
    """
    require_declared_shapes(architecture, num_classes)
    with repeatable_weights():
        network = build(architecture, num_classes)
    vary_constants(network)
    export_onnx(network, path, batch=batch)


def write_onnx(network: nn.Module, path: Path, input_shape: tuple[int, ...], *, output_name: str = "logits") -> None:
    """Like `export_onnx`, for any network and inputs of one shape (for images: NCHW).

    Errors that torch raises if a network cannot be traced are not caught.
    """
    training = network.training
    network.eval()
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # The newer exporter takes 10 to 15 times as long (2.6 to 4.9 s for a network of gpunet-small, which a
            # latency table pays hundreds of times) and names nodes without their module.
            warnings.simplefilter("ignore", DeprecationWarning)
            # Sizes become constants, which is correct because shapes are fixed.
            warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
            torch.onnx.export(
                network,
                (torch.zeros(input_shape),),
                path,
                input_names=["images"],
                output_names=[output_name],
                opset_version=OPSET,
                dynamo=False,
            )
    finally:
        network.train(training)


def check_onnx(path: Path, network: nn.Module, *, seed: int = 0) -> float:
    """Runs an exported file on random images and compares the result with torch.

    Uses ONNX Runtime if it is installed, otherwise ONNX's own (slow) reference implementation.

    Args:
        path: The exported file.
        network: The network that it was exported from.
        seed: Seed of the random images.

    Returns:
        The largest difference of a logit, relative to the largest logit.

    Raises:
        TiernasError: The difference is larger than rounding explains.
    """
    model = onnx.load(path)
    onnx.checker.check_model(model)
    shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    images = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    training = network.training
    network.eval()
    with torch.no_grad():
        expected = network(images).numpy()
    network.train(training)
    found = _run(path, model, images.numpy())
    difference = float(np.abs(found - expected).max() / np.abs(expected).max())
    if not difference <= _TOLERANCE:
        raise TiernasError(
            f"{path}: the ONNX file and the torch network differ by {difference:.2e} of the largest logit "
            f"(allowed: {_TOLERANCE:.0e})"
        )
    return difference


def _run(path: Path, model: onnx.ModelProto, images: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        evaluator: Any = ReferenceEvaluator(model)
        return np.asarray(evaluator.run(None, {"images": images})[0])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"images": images})[0])
