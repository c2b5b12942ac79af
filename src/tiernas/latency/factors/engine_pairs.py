"""The engines of a study, each with its precision."""

from __future__ import annotations

from collections.abc import Sequence

from tiernas.engines import engine_names
from tiernas.plugins import is_reference


def engine_pairs(engines: Sequence[str], precisions: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Pairs of engines and precisions.

    Args:
        engines: Names of engines, or `package.module:Class`, or either with `:PRECISION`.
        precisions: Precisions of engines that are given without one.

    Returns:
        Pairs of name and precision, in the given order, without duplicates.
    """
    pairs, known = [], engine_names()
    for engine in engines:
        name, _, own = engine.rpartition(":")
        if name in known or is_reference(name):
            pairs.append((name, own))
        else:
            pairs += [(engine, precision) for precision in precisions]
    return tuple(dict.fromkeys(pairs))
