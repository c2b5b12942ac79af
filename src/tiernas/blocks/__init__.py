"""Blocks, one file each: fields, shape of the output, work, likeness, and how torch builds one."""

from tiernas.blocks.activations import ACTIVATIONS, GATES
from tiernas.blocks.block import Block, ModuleOptions
from tiernas.blocks.catalogue import get_block, layer_from_dict
from tiernas.blocks.conv import ConvBlock
from tiernas.blocks.fused_irb import FusedIrbBlock
from tiernas.blocks.head import HeadBlock
from tiernas.blocks.irb import IrbBlock
from tiernas.blocks.rows import BlockRows, LayerRows
from tiernas.blocks.separable import SeparableBlock
from tiernas.blocks.stem import StemBlock

__all__ = [
    "ACTIVATIONS",
    "GATES",
    "Block",
    "BlockRows",
    "ConvBlock",
    "FusedIrbBlock",
    "HeadBlock",
    "IrbBlock",
    "LayerRows",
    "ModuleOptions",
    "SeparableBlock",
    "StemBlock",
    "get_block",
    "layer_from_dict",
]
