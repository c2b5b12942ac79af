"""Training: an architecture and images to an accuracy.

`load_data` gives images in memory, `train` trains a network on them and can be interrupted at any moment,
`load_trained` gives the network back and `evaluate` its accuracy on any part, the test part included.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
