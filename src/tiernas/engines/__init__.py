"""Deployment engines: ONNX in, a compiled network out, measured by one clock."""

import sys

import lazy_loader

# OpenVINO and NNCF report their use to Intel wherever this package can be imported; without it they stay silent.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
