"""Post-training quantization of OpenVINO models with NNCF."""

from __future__ import annotations

import contextlib
import io
import logging
from importlib.metadata import PackageNotFoundError, version

import openvino

from tiernas.engines.calibration import FloatArray
from tiernas.errors import NotInstalledError

_FEWEST_FOR_BIAS = 10
"""Minimum number of images for NNCF's bias correction of quantized layers; with fewer, it makes biases worse."""


def quantizer() -> str | None:
    """NNCF and its version; None if it is not installed."""
    try:
        return f"nncf {version('nncf')}"
    except PackageNotFoundError:
        return None


def quantize(model: openvino.Model, calibration: FloatArray, batch: int) -> openvino.Model:
    """An int8 copy of a model.

    Weights are quantized per channel. Activations are quantized at the inputs of convolutions and at both inputs of
    residual sums, asymmetrically if they can be negative (the preset that NNCF's documentation recommends for Swish
    and other activations except ReLU). Operators without an int8 kernel stay in fp32.

    Args:
        model: The model in fp32.
        calibration: `n x channels x height x width` images, `n` a multiple of the batch.
        batch: Images per inference.

    Raises:
        NotInstalledError: NNCF is not installed.
    """
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # NNCF makes it warn that there is no GPU
    try:
        import nncf
    except ImportError as error:
        raise NotInstalledError("NNCF", "openvino") from error
    logging.getLogger("nncf").setLevel(logging.ERROR)  # nncf.set_log_level would also change foreign handlers
    batches = [calibration[i : i + batch] for i in range(0, len(calibration), batch)]
    with contextlib.redirect_stdout(io.StringIO()):  # progress bars
        return nncf.quantize(
            model,
            nncf.Dataset(batches),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(batches),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                disable_bias_correction=len(calibration) < _FEWEST_FOR_BIAS
            ),
        )
