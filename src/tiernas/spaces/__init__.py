"""Search spaces: integer vectors and the architectures they stand for."""

from tiernas.errors import UsageError
from tiernas.spaces.architecture import Architecture
from tiernas.spaces.gpunet import GPUNET, GPUNET_SMALL, GPUNET_WIDE, ConvNetSpace, StageRange
from tiernas.spaces.layered import LayeredArchitecture
from tiernas.spaces.reading import architecture_from_json, read_architecture
from tiernas.spaces.released import released, released_names
from tiernas.spaces.space import Dimension, LayerGroup, SearchSpace
from tiernas.spaces.staged import Head, Stage, StagedArchitecture, Stem

__all__ = [
    "Architecture",
    "ConvNetSpace",
    "Dimension",
    "Head",
    "LayerGroup",
    "LayeredArchitecture",
    "SearchSpace",
    "Stage",
    "StageRange",
    "StagedArchitecture",
    "Stem",
    "architecture_from_json",
    "get_space",
    "read_architecture",
    "released",
    "released_names",
    "space_names",
]

_SPACES: dict[str, SearchSpace] = {s.name: s for s in (GPUNET, GPUNET_WIDE, GPUNET_SMALL)}


def space_names() -> tuple[str, ...]:
    """Names that `get_space` knows."""
    return tuple(_SPACES)


def get_space(name: str) -> SearchSpace:
    """The search space of a name.

    Raises:
        UsageError: There is no space of that name.
    """
    if name not in _SPACES:
        raise UsageError(f"no search space {name!r}; there are: {', '.join(_SPACES)}")
    return _SPACES[name]
