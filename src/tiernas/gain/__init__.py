"""What a search gained: over its rivals and over random networks, and what it cost."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
