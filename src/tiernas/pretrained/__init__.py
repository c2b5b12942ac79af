"""Networks from elsewhere as ours: `load` opens those of timm, EfficientNet-Lite, GPUNets, and what tiernas trained."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
