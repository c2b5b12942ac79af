"""Limits of networks besides latency: they are counted, not measured, so they cost nothing to check."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
