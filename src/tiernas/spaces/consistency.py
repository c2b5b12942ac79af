"""Checks that the parts of a search space agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import numpy.typing as npt

from tiernas.blocks import Block, BlockRows, LayerRows
from tiernas.blocks.catalogue import BLOCKS
from tiernas.blocks.rows import IntArray
from tiernas.plugins import failure
from tiernas.spaces.reading import architecture_from_json
from tiernas.spaces.space import Dimension, SearchSpace


def inconsistency(space: SearchSpace, networks: int = 256, seed: int = 0) -> str | None:
    """The first contradiction in a search space, in words; None if none was found.

    It checks random vectors, canonical or not, and those with the first and with the last value of every dimension.

    Args:
        space: The space.
        networks: Number of random vectors.
        seed: Their seed.
    """
    for check in (_dimensions, _canonical_vectors, _samples, _blocks, _architectures, _layers, _work, _sizes):
        try:
            if wrong := next(check(space, networks, seed), None):
                return wrong
        except Exception as error:  # foreign code may raise anything
            return f"{check.__name__.strip('_').replace('_', ' ')}: {failure(error)}"
    return None


def random_vectors(space: SearchSpace, n: int, seed: int) -> IntArray:
    """The first and the last vector, and `n` drawn uniformly from all (`n + 2 x d`); most are not canonical."""
    levels = np.array(space.levels)
    rows = np.random.default_rng(seed).integers(0, levels, size=(n, len(levels)), dtype=np.int64)
    return space.from_levels(np.concatenate([np.zeros_like(rows[:1]), levels[None] - 1, rows]))


def grouped_layers(space: SearchSpace, vectors: IntArray) -> list[Counter[Block]]:
    """The layers of each network with their numbers, according to `layer_groups`.

    Args:
        space: The space.
        vectors: The networks (`n x d`).
    """
    bags: list[Counter[Block]] = [Counter() for _ in vectors]
    for group in space.layer_groups(vectors):
        for layer, network, count in zip(
            group.rows.layers(), group.network.tolist(), group.count.tolist(), strict=True
        ):
            bags[network][layer] += count
    return [+bag for bag in bags]


def _dimensions(space: SearchSpace, networks: int, seed: int) -> Iterator[str]:
    dimensions = space.dimensions
    if not isinstance(dimensions, tuple) or not dimensions or not all(isinstance(d, Dimension) for d in dimensions):
        yield f"dimensions must be a tuple of Dimension, not {dimensions!r:.80}"
    twice = [name for name, count in Counter(d.name for d in dimensions).items() if count > 1]
    if twice:
        yield f"dimensions: {', '.join(twice)} occurs more than once"


def _samples(space: SearchSpace, networks: int, seed: int) -> Iterator[str]:
    sample, wanted = space.sample(networks, seed), (networks, len(space.dimensions))
    if sample.shape != wanted or sample.dtype != np.int64:
        yield f"sample({networks}) returns {sample.dtype} of shape {sample.shape}; must be int64 of {wanted}"
    space.validate(sample)
    if not np.array_equal(space.from_levels(space.to_levels(sample)), sample):
        yield "from_levels(to_levels(v)) is not v"


def _canonical_vectors(space: SearchSpace, networks: int, seed: int) -> Iterator[str]:
    vectors = random_vectors(space, networks, seed)
    kept, canonical = vectors.copy(), space.canonical(vectors)
    if not np.array_equal(vectors, kept):
        yield "canonical modifies its argument"
    if canonical.shape != vectors.shape:
        yield f"canonical returns shape {canonical.shape} for vectors of shape {vectors.shape}"
    space.validate(canonical)
    yield from _first(space.canonical(canonical) == canonical, vectors, "canonical(canonical(v)) is not canonical(v)")
    for vector, one in zip(vectors, canonical, strict=True):
        if space.decode(vector) != space.decode(one):
            yield f"vector {_shown(vector)}: its canonical vector {_shown(one)} represents another network"


def _blocks(space: SearchSpace, networks: int, seed: int) -> Iterator[str]:
    """Checks the names of plug-in blocks."""
    groups = space.layer_groups(random_vectors(space, networks, seed))
    for block in dict.fromkeys(group.rows.block for group in groups):
        if block.__module__.startswith("tiernas."):
            continue
        found = BLOCKS.load(block.block)
        if found is not block:
            yield (
                f"{block.__qualname__} has the name {block.block!r}, by which files find "
                f"{found.__module__}:{found.__qualname__}; give it a unique name, that of its entry point"
            )


def _work(space: SearchSpace, networks: int, seed: int) -> Iterator[str]:
    vectors = random_vectors(space, networks, seed)
    for group in space.layer_groups(vectors):
        rows, name, m = group.rows, group.rows.block.block, len(group.rows)
        for kind, counted in rows.block.work(rows).items():
            counts = np.asarray(counted)
            if counts.shape not in ((), (m,)):
                yield f"block {name!r} counts {kind} in shape {counts.shape} for {m} layers; must be one per layer"
            if not (np.isfinite(counts) & (counts >= 0)).all():
                yield f"block {name!r} counts {kind} = {counts.min()}; must be finite and at least 0"
        rows.work()  # checks the kinds
        likeness = np.asarray(rows.likeness())
        if likeness.ndim != 2 or len(likeness) != m:
            yield f"block {name!r} returns a likeness of shape {likeness.shape} for {m} layers; must be a row per layer"
        if not np.isfinite(likeness).all():
            yield f"block {name!r} returns a likeness that is not finite"
    for vector in vectors[:2]:  # the smallest network and the largest
        if not LayerRows.of(space.decode(vector).layers).each(BlockRows.macs).sum():
            yield f"vector {_shown(vector)}: its layers count no work of a kind that ends in _macs"


def _sizes(space: SearchSpace, networks: int, seed: int) -> Iterator[str]:
    for group in space.layer_groups(random_vectors(space, networks, seed)):
        sizes, name, m = group.rows.sizes(space.num_classes), group.rows.block.block, len(group.rows)
        if sizes is None:
            continue
        for what in fields(sizes):
            counts = np.asarray(getattr(sizes, what.name))
            if counts.shape != (m,):
                yield f"block {name!r} counts {what.name} in shape {counts.shape} for {m} layers; must be one per layer"
            if not (np.isfinite(counts) & (counts >= 0)).all():
                yield f"block {name!r} counts {what.name} = {counts.min()}; must be finite and at least 0"


def _architectures(space: SearchSpace, networks: int, seed: int) -> Iterator[str]:
    vectors = random_vectors(space, networks, seed)
    digests: dict[str, tuple[int, ...]] = {}
    for vector, canonical in zip(vectors, space.canonical(vectors), strict=True):
        architecture = space.decode(vector)
        again = architecture_from_json(architecture.to_json())
        if again != architecture or again.digest != architecture.digest:
            yield f"vector {_shown(vector)}: its network differs after being written as JSON and read back"
        if architecture.shrunk_layer is not None:
            yield f"vector {_shown(vector)}: layer {architecture.shrunk_layer} has no pixels left"
        if not np.array_equal(encoded := np.asarray(space.encode(architecture)), canonical):
            yield f"vector {_shown(vector)}: encode(decode(v)) is {_shown(encoded)}, canonical(v) {_shown(canonical)}"
        if digests.setdefault(architecture.digest, key := tuple(canonical.tolist())) != key:
            other = _shown(np.array(digests[architecture.digest]))
            yield f"vector {_shown(vector)}: another canonical vector, {other}, represents the same network"


def _layers(space: SearchSpace, networks: int, seed: int) -> Iterator[str]:
    vectors = random_vectors(space, networks, seed)
    for group in space.layer_groups(vectors):
        if not len(group.rows) == len(group.network) == len(group.count):
            yield f"layer_groups: {len(group.rows)} rows, {len(group.network)} networks, {len(group.count)} counts"
    for vector, bag in zip(vectors, grouped_layers(space, vectors), strict=True):
        layers = Counter(space.decode(vector).layers)
        if bag != layers:
            (odd, _), *_ = (bag - layers or layers - bag).items()
            yield (
                f"vector {_shown(vector)}: layer_groups has layer {odd.label} {bag[odd]} times, "
                f"decode(v).layers {layers[odd]} times"
            )


def _first(right: npt.NDArray[np.bool_], vectors: IntArray, what: str) -> Iterator[str]:
    wrong = np.flatnonzero(~right.all(axis=1))
    if wrong.size:
        yield f"vector {_shown(vectors[wrong[0]])}: {what}"


def _shown(vector: IntArray) -> str:
    return ",".join(map(str, np.ravel(vector).tolist()))
