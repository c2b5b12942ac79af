"""Replays a search on known results instead of training: hours of hundreds of workers in seconds.

An `Evaluator` looks accuracies up, `Trials` adds what real training has (noise, failures, unequal durations), and two
loops ask the same optimizer in the same order: `replay` with nothing but the optimizer, for benchmarks, and
`replay_study` with the loop and the ledger of a real study.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
