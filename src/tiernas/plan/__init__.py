"""What a search, or the rest of it, will do and how long it takes: `tiernas search --plan`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
