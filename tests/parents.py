"""A small parent with everything that can be left out."""

from __future__ import annotations

from tiernas.blocks import ConvBlock, FusedIrbBlock, HeadBlock, IrbBlock, SeparableBlock, StemBlock
from tiernas.spaces import LayeredArchitecture, ParentSpace

PARENT_NETWORK = LayeredArchitecture(
    32,
    (
        StemBlock(3, 16, kernel=3, layers=1, activation="hard_swish", in_size=32, padding="tensorflow"),
        SeparableBlock(16, 16, 3, 1, se_channels=0, activation="relu6", padding="same", in_size=16),
        FusedIrbBlock(16, 24, 3, 2, mid_channels=40, se_channels=0, activation="relu", padding="same", in_size=16),
        FusedIrbBlock(24, 24, 5, 1, mid_channels=44, se_channels=4, activation="swish", padding="same", in_size=8),
        ConvBlock(24, 32, 3, 1, activation="swish", padding="same", in_size=8),
        IrbBlock(32, 32, 5, 1, 64, 8, "swish", "same", 8, gate="hard_sigmoid", se_activation="relu"),
        IrbBlock(32, 32, 3, 1, 96, 8, "swish", "same", 8, skip="none"),
        IrbBlock(32, 48, 5, 2, 96, 8, "swish", "tensorflow", 8),
        HeadBlock(48, 64, hidden=80, activation="hard_swish", in_size=4),
    ),
    bn_eps=1e-5,
)
"""A stem that shares its channels with a residual block, consecutive stages of the same resolution, different layers in
one stage, and a layer without a skip where shapes would allow one."""


def parent_space() -> ParentSpace:
    """The space around it."""
    return ParentSpace(PARENT_NETWORK, resolution=(24, 32, 40), num_classes=4)
