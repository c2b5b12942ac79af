"""A network with an even share of its channels."""

from __future__ import annotations

from tiernas.spaces import Architecture, ParentSpace

EXPANDED = ("expanded_percent",)
ALL_CHANNELS = ("filters", "expanded_percent", "hidden")
"""What dimensions of a space around a network end with that say how many channels are kept."""


def evenly_cut(whole: Architecture, resolution: int, percent: int, dimensions: tuple[str, ...]) -> Architecture:
    """A network that keeps the same share of its channels everywhere, up to multiples of 8.

    Args:
        whole: The network.
        resolution: Height of the images, in pixels.
        percent: The share, below 100.
        dimensions: Which channels; see `ALL_CHANNELS`.
    """
    space = ParentSpace(whole, (resolution,), (percent, 100))
    return space.decode([d.values[0 if d.name.endswith(dimensions) else -1] for d in space.dimensions])
