"""How networks are quantized for ONNX Runtime, as far as a device that only runs them must know."""

from __future__ import annotations

from collections.abc import Collection

QUANTIZER = "tiernas-qdq 2"
"""Name and version of the quantizer (`qdq.py`); the version is raised whenever its int8 networks change."""


def saturates(flags: Collection[str]) -> bool:
    """Whether a CPU with these flags adds pairs of 8-bit products in 16 bits, which can saturate: x86 without VNNI."""
    return "avx2" in flags and not any("vnni" in flag for flag in flags)
