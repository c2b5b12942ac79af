"""Deployment engines: compile ONNX files into networks, which are all measured by the same clock."""

import sys

import lazy_loader

# OpenVINO and NNCF report usage to Intel if this package can be imported; without it they stay silent.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
