"""Weights inherited from a trained network: matching layers, and their most important channels."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
