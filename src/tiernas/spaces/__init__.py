"""Search spaces: integer vectors and the architectures they stand for."""

from tiernas.spaces.architecture import Architecture, Head, Stage, Stem
from tiernas.spaces.catalogue import get_space, referred_space, space_names
from tiernas.spaces.convnet import ConvNetSpace, StageRange
from tiernas.spaces.layer import Layer, LayerTable
from tiernas.spaces.released import released, released_names
from tiernas.spaces.space import Dimension, SearchSpace

__all__ = [
    "Architecture",
    "ConvNetSpace",
    "Dimension",
    "Head",
    "Layer",
    "LayerTable",
    "SearchSpace",
    "Stage",
    "StageRange",
    "Stem",
    "get_space",
    "referred_space",
    "released",
    "released_names",
    "space_names",
]
