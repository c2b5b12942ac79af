"""Drafts the TOML of a search from data, a device and a few wishes: `tiernas init` and `tiernas adapt`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
