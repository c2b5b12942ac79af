"""Networks that no search found, added to the model table: accuracy as stated by a source, latency measured here."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
