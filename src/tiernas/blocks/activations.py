"""Activations by name."""

ACTIVATIONS = ("relu", "swish", "hard_swish", "prelu", "gelu", "sigmoid")
"""Those that can be built. The GPUNet spaces search the first two."""
