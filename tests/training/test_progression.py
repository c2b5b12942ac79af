"""Sizes of the training images from epoch to epoch, worked out by hand."""

from __future__ import annotations

import pytest

from tiernas.errors import UsageError
from tiernas.spaces import get_space
from tiernas.training import RecipeConfig
from tiernas.training.progression import require_growing, resolution_at


@pytest.mark.parametrize(
    ("recipe", "resolution", "sizes"),
    [
        (RecipeConfig(epochs=3), 100, [100, 100, 100]),
        # grows over 0.6 * 5 = 3 epochs: 64 * (1/2, 2/3, 5/6), in multiples of 8
        (RecipeConfig(epochs=5, start_scale=0.5), 64, [32, 40, 56, 64, 64]),
        (RecipeConfig(epochs=4, start_scale=0.25, growing_fraction=0.5), 128, [32, 80, 128, 128]),
        (RecipeConfig(epochs=3, start_scale=0.5, growing_fraction=1.0), 32, [16, 24, 32]),
        (RecipeConfig(epochs=1, start_scale=0.5), 64, [64]),
        (RecipeConfig(epochs=2, start_scale=0.25), 8, [8, 8]),
    ],
)
def test_sizes_grow_evenly_to_that_of_the_network(recipe: RecipeConfig, resolution: int, sizes: list[int]) -> None:
    assert [resolution_at(epoch, recipe, resolution) for epoch in range(recipe.epochs)] == sizes


def test_recipes_without_it_keep_their_digest() -> None:
    assert "start_scale" not in RecipeConfig().model_dump_json()
    assert RecipeConfig(start_scale=0.5).digest != RecipeConfig().digest


def test_images_of_networks_of_one_size_cannot_grow() -> None:
    tokens, maps = (get_space(name).decode(get_space(name).sample(1)[0]) for name in ("vit-small", "gpunet-small"))
    with pytest.raises(UsageError, match=r"recipe\.start_scale = 0\.5: .*'attention' takes images of one size only"):
        require_growing(tokens, RecipeConfig(start_scale=0.5))
    require_growing(tokens, RecipeConfig())
    require_growing(maps, RecipeConfig(start_scale=0.5))
