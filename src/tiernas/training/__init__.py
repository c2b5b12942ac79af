"""Training: from an architecture and images to an accuracy.

`load_data` returns images in memory, `train` trains a network on them and can be interrupted at any moment,
`load_trained` returns the trained network, and `evaluate` its accuracy on any split, including the test split.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
