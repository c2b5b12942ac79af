"""Detection: networks as backbones of detectors, COCO's data and COCO's measure."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
