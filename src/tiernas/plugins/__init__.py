"""Plug-ins: how a name, or `package.module:object`, becomes an object that tiernas can work with."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
