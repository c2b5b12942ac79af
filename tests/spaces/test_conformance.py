"""The spaces of tiernas, and one of one's own, hold what a space must."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiernas.spaces import ConvNetSpace, SearchSpace, StageRange, get_space
from tiernas.spaces.vit import ViTSpace
from tiernas.spaces.vit_small import SmallViTSpace
from tiernas.testing.spaces import SpaceConformance


class SimilarSpace(SpaceConformance):
    """A space with the blocks of another one, whose export is tested faster."""

    @pytest.mark.slow
    def test_networks_are_exported_as_they_are(self, tmp_path: Path) -> None:
        super().test_networks_are_exported_as_they_are(tmp_path)


class TestGpunetSmall(SpaceConformance):
    def make(self) -> SearchSpace:
        return get_space("gpunet-small")


class TestMobile(SimilarSpace):
    built = 1

    def make(self) -> SearchSpace:
        return get_space("mobile")


class TestMobileSmall(SpaceConformance):
    def make(self) -> SearchSpace:
        return get_space("mobile-small")


class TestOwnRanges(SimilarSpace):
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


class TestViT(SimilarSpace):
    networks = 64
    built = 1

    def make(self) -> SearchSpace:
        return ViTSpace()


class TestSmallMlp(SpaceConformance):
    networks = 64

    def make(self) -> SearchSpace:
        return get_space("mlp-small")


class TestMlp(SimilarSpace):
    networks = 64
    built = 1

    def make(self) -> SearchSpace:
        return get_space("mlp")
