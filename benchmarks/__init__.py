"""Benchmarks. Those that share code are run as modules from the root of the repository: `python -m benchmarks.X.Y`."""
