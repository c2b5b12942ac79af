"""Where images come from: digits, folders, parquet files, Hugging Face, torchvision, tar files, or a plug-in."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
