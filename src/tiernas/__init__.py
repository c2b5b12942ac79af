"""tiernas searches for image classification networks that are fast on the device you deploy to."""

import os
from importlib.metadata import version

import lazy_loader

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime reports its use to Microsoft, and writes to the home

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

__version__ = version("tiernas")
