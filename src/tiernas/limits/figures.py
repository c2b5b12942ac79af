"""What limits refer to: the figures of networks at a precision."""

from __future__ import annotations

import re

from tiernas.blocks import Sizes
from tiernas.blocks.rows import FloatArray
from tiernas.errors import UsageError
from tiernas.limits.limits import Limits

_MB = 1e6
"""Bytes of a megabyte."""

_WIDE = 4.0
"""Bytes of a parameter that integer precisions leave wide: biases are 32-bit integers or floating-point numbers."""

_IN_MB = ("weights_mb", "activations_mb")


def figures_of(sizes: Sizes, precision: str, batch: int) -> dict[str, FloatArray]:
    """The figures that limits refer to, of `n` networks each.

    `weights_mb` is the memory of the parameters: 4 bytes each at fp32, 2 at fp16 and bf16. At int8 a weight of a
    convolution or linear layer has 1 byte, any other parameter 4. `activations_mb` is the memory of the feature maps
    that are held at the same time (`Block.sizes`), for a batch, with the bytes of the precision for each element.

    Args:
        sizes: The sizes of the networks.
        precision: Precision of the engine.
        batch: Images per inference.

    Returns:
        `params`, `macs`, `weights_mb` and `activations_mb`; the last two are missing for a precision of unknown width.
    """
    found = {"params": sizes.params, "macs": sizes.macs}
    width = _bytes(precision)
    if width is not None:
        other = _WIDE if precision.startswith("int") else width
        found["weights_mb"] = (width * sizes.weights + other * sizes.other_params) / _MB
        found["activations_mb"] = batch * width * sizes.held / _MB
    return found


def memory_mb(sizes: Sizes | None, precision: str, batch: int) -> dict[str, float | None]:
    """`weights_mb` and `activations_mb` of one network, see `figures_of`; None if unknown."""
    figures = {} if sizes is None else figures_of(sizes, precision, batch)
    return {name: float(figures[name][0]) if name in figures else None for name in _IN_MB}


def require_width(limits: Limits, precision: str) -> None:
    """Refuses limits in megabytes for a precision of unknown width, such as one of a plug-in's own.

    Raises:
        UsageError: The message names the limit and the precision.
    """
    wrong = [name for name in _IN_MB if name in limits.given]
    if wrong and _bytes(precision) is None:
        raise UsageError(
            f"{wrong[0]} = {limits.given[wrong[0]]:g}: precision {precision!r} does not say how many bits a number has "
            "(as fp32 and int8 do); limit params and macs instead"
        )


def _bytes(precision: str) -> float | None:
    """Bytes of a number at a precision, whose name ends in its bits; None if it does not."""
    found = re.fullmatch(r"[a-z]+(\d+)", precision)
    return int(found[1]) / 8 if found else None
