"""Rivals: known networks that a search trains and measures like its finalists, to say what it gained."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
