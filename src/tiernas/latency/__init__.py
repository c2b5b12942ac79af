"""Latencies: measured (`measuring`), estimated by a table (`estimating`), and studied factor by factor (`factors`).

Tables and factor studies use `measuring`, which depends on neither.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
