"""ONNX Runtime on the CPU; also used by other engines to cast, fold and compute ranges of activations."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
