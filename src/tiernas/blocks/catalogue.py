"""Blocks by name."""

from __future__ import annotations

from dataclasses import is_dataclass
from functools import cache

from tiernas.blocks.block import Block
from tiernas.errors import UsageError, about
from tiernas.plugins import Kind, UnusableError, require_class_of

_MEMBERS = ("block", "work_kinds", "in_shape", "out_shape", "settings", "label", "work", "likeness", "module")


def _require_block(thing: object) -> None:
    require_class_of(thing, Block, "a block", _MEMBERS)
    if not is_dataclass(thing):
        raise UnusableError("has no fields: it must be a dataclass, frozen and with slots")


BLOCKS: Kind[type[Block]] = Kind(
    "block",
    "block",
    "tiernas.blocks",
    {
        "stem": "tiernas.blocks.stem:StemBlock",
        "conv": "tiernas.blocks.conv:ConvBlock",
        "basic": "tiernas.blocks.basic:BasicBlock",
        "fused_irb": "tiernas.blocks.fused_irb:FusedIrbBlock",
        "irb": "tiernas.blocks.irb:IrbBlock",
        "separable": "tiernas.blocks.separable:SeparableBlock",
        "head": "tiernas.blocks.head:HeadBlock",
        "tokenizer": "tiernas.blocks.tokenizer:TokenizerBlock",
        "attention": "tiernas.blocks.attention:AttentionBlock",
        "mlp": "tiernas.blocks.mlp:MlpBlock",
        "token_mlp": "tiernas.blocks.token_mlp:TokenMlpBlock",
        "spatial_gate": "tiernas.blocks.spatial_gate:SpatialGateBlock",
        "token_pool": "tiernas.blocks.token_pool:TokenPoolBlock",
        "token_head": "tiernas.blocks.token_head:TokenHeadBlock",
    },
    _require_block,
)


@cache
def get_block(name: str) -> type[Block]:
    """The block of a name; cached, because a network has dozens of layers.

    Args:
        name: A built-in block or one that an installed package offers, or `package.module:Class`.

    Raises:
        UsageError: There is no block of that name, it cannot be used, or its `block` attribute differs from the name.
    """
    found = BLOCKS.load(name)
    if found.block != name:
        raise UsageError(f"block {name!r}: its `block` is {found.block!r}, which files record: make both the same")
    return found


def layer_from_dict(data: object, where: str) -> Block:
    """The layer that `Block.to_dict` serialized.

    Args:
        data: Name of the block and its fields.
        where: How messages refer to it.

    Raises:
        UsageError: `data` is not an object, there is no such block, or a field is missing, unknown, of the wrong type
            or out of range.
    """
    if not isinstance(data, dict):
        raise UsageError(f"{where}: must be an object, not {type(data).__name__}")
    name = data.get("block")
    if not isinstance(name, str):
        raise UsageError(f"{where}: key 'block' must be the name of a block")
    with about(where):
        block = get_block(name)
    given = {key: value for key, value in data.items() if key != "block"}
    for key in given:
        if key not in block.columns():
            raise UsageError(f"{where}: {name} has no field {key!r}; it has: {', '.join(block.columns())}")
    for column in block.columns():
        if column not in given and column not in block.defaults():
            raise UsageError(f"{where}: key {column!r} is missing")
    return block(**given).checked(where)
