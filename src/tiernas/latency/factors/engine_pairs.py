"""The engines of a study, each with the precision that it is to run."""

from __future__ import annotations

from collections.abc import Sequence

from tiernas.engines import engine_names
from tiernas.plugins import is_reference


def engine_pairs(engines: Sequence[str], precisions: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Engines with the precisions that each is to run.

    Args:
        engines: Names of engines, or `package.module:Class`, or either with `:PRECISION`.
        precisions: What engines run that come without a precision of their own.

    Returns:
        Pairs of name and precision, in the order given, each once.
    """
    pairs, known = [], engine_names()
    for engine in engines:
        name, _, own = engine.rpartition(":")
        if name in known or is_reference(name):
            pairs.append((name, own))
        else:
            pairs += [(engine, precision) for precision in precisions]
    return tuple(dict.fromkeys(pairs))
