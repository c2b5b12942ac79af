"""Latencies: measured (`measuring`), estimated by a table (`estimating`), and explained factor by factor (`factors`).

Tables and factor studies measure with `measuring`, which knows neither.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
