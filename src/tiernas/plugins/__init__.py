"""Plug-ins: resolves a name, or `package.module:object`, to an object that tiernas can use."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
