"""What a layer's latency is predicted from: its work, counted by kind, from its integer row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tiernas.spaces.layer import ACTIVATIONS, BLOCKS, LAYER_COLUMNS, PADDINGS, IntArray

FloatArray = npt.NDArray[np.float64]

WORK = (
    "spatial_macs",
    "expand_macs",
    "depthwise_macs",
    "project_macs",
    "squeeze_macs",
    "weights",
    "input",
    "expanded",
    "inner",
    "output",
    "activated",
    "swished",
    "gated",
    "added",
    "row_starts",
    "squeezes",
)
"""Columns of `work`."""

_ODD = 0.3
"""Weight of how far channels are from a multiple of 32, against one doubling of channels."""


def work(rows: IntArray) -> FloatArray:
    """Counts the work of layers, kind by kind.

    Args:
        rows: `m x 10` layer rows, columns as `LAYER_COLUMNS`.

    Returns:
        `m x 16` counts at batch 1, columns as `WORK`: multiply-accumulates of dense spatial convolutions, of 1x1
        expansions, of depthwise convolutions, of 1x1 projections and of squeeze-and-excitation; weights; elements
        of the input, of the map before and after the spatial convolution, and of the output; elements that pass an
        activation, and those of a costly activation (not ReLU); elements that are gated, and that are added;
        rows of pixels over all convolutions; squeeze-and-excitations.
    """
    columns = dict(zip(LAYER_COLUMNS, rows.T.astype(np.float64), strict=True))
    block, kernel, stride = columns["block"], columns["kernel"], columns["stride"]
    ins, outs, mid, squeezed = (columns[c] for c in ("in_channels", "out_channels", "mid_channels", "se_channels"))
    size = columns["in_size"]
    is_stem, is_fused, is_irb, is_head = (block == BLOCKS.index(name) for name in ("stem", "fused_irb", "irb", "head"))
    pad = np.where(columns["padding"] == PADDINGS.index("same"), kernel // 2, 0)
    out_size = (size + 2 * pad - kernel) // stride + 1
    before, after = size**2, out_size**2

    is_bottleneck = is_fused | is_irb
    costly = columns["activation"] != ACTIVATIONS.index("relu")
    dense_channels = np.where(is_fused, mid, outs)
    spatial = np.where(is_irb | is_head, 0, after * kernel**2 * ins * dense_channels)
    spatial += np.where(is_stem, (mid - 1) * after * kernel**2 * outs**2, 0)
    expand = np.where(is_irb, before * ins * mid, 0) + np.where(is_head, before * ins * outs, 0)
    depthwise = np.where(is_irb, after * kernel**2 * mid, 0)
    project = np.where(is_bottleneck, after * mid * outs, 0)
    squeeze = 2 * mid * squeezed
    weights = (spatial + depthwise + project) / after + expand / before + squeeze
    inner = after * np.where(is_bottleneck, mid, outs)
    expanded = np.where(is_irb, before * mid, 0)
    gated = np.where(squeezed > 0, inner, 0)
    activated = inner + expanded
    added = np.where(is_bottleneck & (stride == 1) & (ins == outs), after * outs, 0)
    row_starts = out_size * np.where(is_irb, 3, np.where(is_fused, 2, 1))
    counts = [spatial, expand, depthwise, project, squeeze, weights, before * ins, expanded, inner, after * outs]
    counts += [activated, activated * costly, gated, added, row_starts, squeezed > 0]
    return np.stack(counts, axis=1)


def shape(rows: IntArray) -> FloatArray:
    """What layers of one kind of block differ in, scaled so that similar layers are near each other.

    Args:
        rows: `m x 10` layer rows, columns as `LAYER_COLUMNS`.

    Returns:
        `m x 11` numbers: binary logarithms of the channels in, out and between and of the input's size; the kernel,
        3 to 5 being one step; the stride; whether there is squeeze-and-excitation, a costly activation, a sum with
        the input; and how far the channels are from a multiple of 32, which vector instructions like, as shares.
    """
    columns = dict(zip(LAYER_COLUMNS, rows.T.astype(np.float64), strict=True))
    ins, outs, mid = (columns[c] for c in ("in_channels", "out_channels", "mid_channels"))
    logs = [np.log2(np.maximum(c, 1)) for c in (ins, outs, mid, columns["in_size"])]
    steps = [(columns["kernel"] - 3) / 2, columns["stride"] - 1]
    costly = columns["activation"] != ACTIVATIONS.index("relu")
    flags = [columns["se_channels"] > 0, costly, (columns["stride"] == 1) & (ins == outs)]
    odd = [_ODD * (mid % 32) / 32, _ODD * (outs % 32) / 32]
    return np.stack([*logs, *steps, *flags, *odd], axis=1).astype(np.float64)
