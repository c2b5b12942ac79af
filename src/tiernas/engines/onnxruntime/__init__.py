"""ONNX Runtime on the CPU, and what it does for other engines: it casts, folds and finds the ranges of activations."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
