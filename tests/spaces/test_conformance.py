"""The spaces of tiernas, and one of one's own, hold what a space must."""

from __future__ import annotations

from tiernas.spaces import ConvNetSpace, SearchSpace, StageRange, get_space
from tiernas.spaces.vit import ViTSpace
from tiernas.spaces.vit_small import SmallViTSpace
from tiernas.testing.spaces import SpaceConformance


class TestGpunetSmall(SpaceConformance):
    def make(self) -> SearchSpace:
        return get_space("gpunet-small")


class TestMobile(SpaceConformance):
    built = 1

    def make(self) -> SearchSpace:
        return get_space("mobile")


class TestMobileSmall(SpaceConformance):
    def make(self) -> SearchSpace:
        return get_space("mobile-small")


class TestOwnRanges(SpaceConformance):
    def make(self) -> SearchSpace:
        stage = StageRange(filters=(8, 24, 8), layers=(1, 2), kernel=(3, 7))
        return ConvNetSpace(
            "mine",
            resolution=(32, 40),
            stem_filters=(8, 16),
            stem_layers=(1, 2),
            stages=(stage,) * 6,
            head_filters=64,
            num_classes=5,
        )


class TestSmallViT(SpaceConformance):
    networks = 64

    def make(self) -> SearchSpace:
        return SmallViTSpace()


class TestViT(SpaceConformance):
    networks = 64
    built = 1

    def make(self) -> SearchSpace:
        return ViTSpace()


class TestSmallMlp(SpaceConformance):
    networks = 64

    def make(self) -> SearchSpace:
        return get_space("mlp-small")


class TestMlp(SpaceConformance):
    networks = 64
    built = 1

    def make(self) -> SearchSpace:
        return get_space("mlp")
