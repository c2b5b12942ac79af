"""Networks with the same fraction of all channels."""

from __future__ import annotations

from tiernas.spaces import Architecture, ParentSpace

EXPANDED = ("expanded_percent",)
ALL_CHANNELS = ("filters", "expanded_percent", "hidden")
"""Endings of the names of dimensions that set numbers of channels in a space around a network."""


def evenly_cut(whole: Architecture, resolution: int, percent: int, dimensions: tuple[str, ...]) -> Architecture:
    """A network with the same fraction of its channels everywhere, rounded to multiples of 8.

    Args:
        whole: The network.
        resolution: Resolution of the images, in pixels.
        percent: The percentage of channels, below 100.
        dimensions: The channels to cut; see `ALL_CHANNELS`.
    """
    space = ParentSpace(whole, (resolution,), (percent, 100), num_classes=1)
    return space.decode([d.values[0 if d.name.endswith(dimensions) else -1] for d in space.dimensions])
