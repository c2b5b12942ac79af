"""Blocks by name."""

from __future__ import annotations

from tiernas.blocks.attention import AttentionBlock
from tiernas.blocks.block import Block
from tiernas.blocks.conv import ConvBlock
from tiernas.blocks.fused_irb import FusedIrbBlock
from tiernas.blocks.head import HeadBlock
from tiernas.blocks.irb import IrbBlock
from tiernas.blocks.separable import SeparableBlock
from tiernas.blocks.mlp import MlpBlock
from tiernas.blocks.spatial_gate import SpatialGateBlock
from tiernas.blocks.stem import StemBlock
from tiernas.blocks.token_head import TokenHeadBlock
from tiernas.blocks.token_mlp import TokenMlpBlock
from tiernas.blocks.token_pool import TokenPoolBlock
from tiernas.blocks.tokenizer import TokenizerBlock
from tiernas.errors import UsageError

_BLOCKS: dict[str, type[Block]] = {
    kind.block: kind
    for kind in (
        StemBlock,
        ConvBlock,
        FusedIrbBlock,
        IrbBlock,
        SeparableBlock,
        HeadBlock,
        TokenizerBlock,
        AttentionBlock,
        MlpBlock,
        TokenMlpBlock,
        SpatialGateBlock,
        TokenPoolBlock,
        TokenHeadBlock,
    )
}


def get_block(name: str) -> type[Block]:
    """The block of a name.

    Raises:
        UsageError: There is no block of that name.
    """
    if name not in _BLOCKS:
        raise UsageError(f"no block {name!r}; there are: {', '.join(_BLOCKS)}")
    return _BLOCKS[name]


def layer_from_dict(data: object, where: str) -> Block:
    """The layer that `Block.to_dict` wrote down.

    Args:
        data: Name of the block and its fields.
        where: What messages call it.

    Raises:
        UsageError: It is no object, there is no such block, or a field is missing, unknown, of another type or out of
            range.
    """
    if not isinstance(data, dict):
        raise UsageError(f"{where}: must be an object, not {type(data).__name__}")
    name = data.get("block")
    if not isinstance(name, str):
        raise UsageError(f"{where}: key 'block' must be the name of a block")
    try:
        block = get_block(name)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    given = {key: value for key, value in data.items() if key != "block"}
    for key in given:
        if key not in block.columns():
            raise UsageError(f"{where}: {name} has no field {key!r}; it has: {', '.join(block.columns())}")
    for column in block.columns():
        if column not in given and column not in block.defaults():
            raise UsageError(f"{where}: key {column!r} is missing")
    return block(**given).checked(where)
