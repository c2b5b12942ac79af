"""Post-training quantisation of OpenVINO models with NNCF."""

from __future__ import annotations

import contextlib
import io
import logging
from importlib.metadata import PackageNotFoundError, version

import openvino

from tiernas.engines.calibration import FloatArray
from tiernas.errors import NotInstalledError

_FEWEST_FOR_BIAS = 10
"""Images from which NNCF can correct the biases of quantised layers; fewer make them worse than they were."""


def quantizer() -> str | None:
    """NNCF and its version; None where it is not installed."""
    try:
        return f"nncf {version('nncf')}"
    except PackageNotFoundError:
        return None


def quantize(model: openvino.Model, calibration: FloatArray, batch: int) -> openvino.Model:
    """An int8 copy of a model.

    Weights are quantised per channel. Activations are quantised at the inputs of convolutions and at both inputs of
    residual sums, asymmetrically where they can be negative (the preset that NNCF's documentation gives for Swish
    and other activations that are not ReLU). NNCF leaves in fp32 what has no int8 kernel.

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
    logging.getLogger("nncf").setLevel(logging.ERROR)  # nncf.set_log_level sets other people's handlers too
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
