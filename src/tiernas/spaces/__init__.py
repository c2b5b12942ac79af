"""Search spaces: integer vectors and the architectures that they represent."""

from tiernas.spaces.architecture import Architecture
from tiernas.spaces.catalogue import get_space, referred_space, space_names
from tiernas.spaces.gpunet import ConvNetSpace, StageRange
from tiernas.spaces.layered import LayeredArchitecture
from tiernas.spaces.parent import PARENT, ParentSpace
from tiernas.spaces.planned import Layers, PlannedSpace
from tiernas.spaces.reading import architecture_from_json, read_architecture
from tiernas.spaces.released import released, released_names
from tiernas.spaces.space import Dimension, LayerGroup, SearchSpace
from tiernas.spaces.space_file import SPACE_FILE, read_space, write_space
from tiernas.spaces.staged import Head, Stage, StagedArchitecture, Stem

__all__ = [
    "PARENT",
    "SPACE_FILE",
    "Architecture",
    "ConvNetSpace",
    "Dimension",
    "Head",
    "LayerGroup",
    "LayeredArchitecture",
    "Layers",
    "ParentSpace",
    "PlannedSpace",
    "SearchSpace",
    "Stage",
    "StageRange",
    "StagedArchitecture",
    "Stem",
    "architecture_from_json",
    "get_space",
    "read_architecture",
    "read_space",
    "referred_space",
    "released",
    "released_names",
    "space_names",
    "write_space",
]
