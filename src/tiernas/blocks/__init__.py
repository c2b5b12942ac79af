"""Blocks, one file each: fields, output shape, work, similarity, and torch module."""

from tiernas.blocks.activations import ACTIVATIONS, GATES
from tiernas.blocks.attention import AttentionBlock
from tiernas.blocks.basic import BasicBlock
from tiernas.blocks.block import Block, ModuleOptions
from tiernas.blocks.catalogue import get_block, layer_from_dict
from tiernas.blocks.conv import ConvBlock
from tiernas.blocks.fused_irb import FusedIrbBlock
from tiernas.blocks.head import HeadBlock
from tiernas.blocks.irb import IrbBlock
from tiernas.blocks.mlp import MlpBlock
from tiernas.blocks.rows import BlockRows, LayerRows, Sizes
from tiernas.blocks.separable import SeparableBlock
from tiernas.blocks.spatial_gate import SpatialGateBlock
from tiernas.blocks.stem import StemBlock
from tiernas.blocks.token_head import TokenHeadBlock
from tiernas.blocks.token_mlp import TokenMlpBlock
from tiernas.blocks.token_pool import TokenPoolBlock
from tiernas.blocks.tokenizer import TokenizerBlock

__all__ = [
    "ACTIVATIONS",
    "GATES",
    "AttentionBlock",
    "BasicBlock",
    "Block",
    "BlockRows",
    "ConvBlock",
    "FusedIrbBlock",
    "HeadBlock",
    "IrbBlock",
    "LayerRows",
    "MlpBlock",
    "ModuleOptions",
    "SeparableBlock",
    "Sizes",
    "SpatialGateBlock",
    "StemBlock",
    "TokenHeadBlock",
    "TokenMlpBlock",
    "TokenPoolBlock",
    "TokenizerBlock",
    "get_block",
    "layer_from_dict",
]
