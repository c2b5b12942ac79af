"""Mixup and CutMix, worked out from what they give."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tiernas.spaces import Architecture
from tiernas.training import RecipeConfig, Splits
from tiernas.training.epoch import train_epoch
from tiernas.training.mixing import Mixed, Mixing
from tiernas.training.state import TrainingState


def images(n: int = 6, size: int = 16) -> Tensor:
    """Image `i` is `i` everywhere."""
    return torch.arange(n).float().view(n, 1, 1, 1).expand(n, 3, size, size)


def mixed(mixing: Mixing, count: int) -> list[Mixed]:
    generator = torch.Generator().manual_seed(0)
    return [mixing(images(), generator) for _ in range(count)]


def test_mixup_blends_each_image_with_its_other() -> None:
    for each in mixed(Mixing(mixup_alpha=0.8), 50):
        own, other = images()[:, 0, 0, 0], images()[each.others][:, 0, 0, 0]
        assert not torch.equal(own, other)
        expected = each.share * own + (1 - each.share) * other
        torch.testing.assert_close(each.images, expected.view(-1, 1, 1, 1).expand_as(each.images))


def test_cutmix_pastes_a_rectangle_of_the_share_that_it_tells() -> None:
    for each in mixed(Mixing(cutmix_alpha=1.0), 50):
        own, other = images(), images()[each.others]
        foreign = each.images != own
        assert torch.equal(each.images[foreign], other[foreign])
        assert foreign.float().mean().item() == pytest.approx(1 - each.share)
        rows, columns = foreign[0, 0].any(1).sum(), foreign[0, 0].any(0).sum()
        assert int(foreign[0, 0].sum()) == rows * columns


@pytest.mark.parametrize(("mixing", "least", "most"), [(Mixing(0.2), 0.4, 0.6), (Mixing(0, 1.0), 0.5, 0.75)])
def test_shares_are_those_of_the_distribution(mixing: Mixing, least: float, most: float) -> None:
    shares = torch.tensor([each.share for each in mixed(mixing, 500)])
    assert least < shares.mean() < most  # a rectangle at the border is cut off
    inner = ((shares > 0.1) & (shares < 0.9)).float().mean()
    assert (inner < 0.5) == (mixing.mixup_alpha == 0.2)  # a small alpha leaves one image nearly alone


def test_with_both_half_of_the_batches_are_cut() -> None:
    cut = sum(bool(each.images[0].max() > each.images[0].min()) for each in mixed(Mixing(1.0, 1.0), 400))
    assert 150 < cut < 250


def test_the_same_generator_gives_the_same_batch_and_the_images_stay_as_they_were() -> None:
    before = images().clone()
    given = before.clone()
    first, second = (Mixing(0.8, 1.0)(given, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first.images, second.images)
    assert first.share == second.share
    assert torch.equal(given, before)


def test_labels_are_mixed_like_the_images(digits: Splits, tiny: Architecture, monkeypatch: pytest.MonkeyPatch) -> None:
    """With share 1 the loss is that of an image's own label, with share 0 that of the other's, and in between both."""

    def loss(share: float, *, turned_images: bool = False, alpha: float = 1.0) -> float:
        def turned(self: Mixing, batch: Tensor, generator: torch.Generator) -> Mixed:
            others = torch.arange(len(batch) - 1, -1, -1)
            return Mixed(batch[others] if turned_images else batch, others, share)

        monkeypatch.setattr(Mixing, "__call__", turned)
        size = len(digits.train)
        recipe = RecipeConfig(epochs=1, batch_size=size, flip=False, crop_padding=0, mixup_alpha=alpha)
        torch.manual_seed(0)
        state = TrainingState(tiny, 10, recipe, torch.device("cpu"))
        with torch.no_grad():
            for parameter in state.network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        return train_epoch(state, digits, recipe, tiny.resolution, seed=0, epoch=0).loss

    own, other = loss(1.0), loss(0.0)
    assert own == loss(1.0, alpha=0)  # without any mixing
    assert abs(own - other) > 0.01
    assert loss(0.0, turned_images=True) == pytest.approx(own, rel=1e-4)
    assert loss(0.25) == pytest.approx(0.25 * own + 0.75 * other, rel=1e-4)


def test_recipes_without_it_keep_their_digest() -> None:
    assert "mixup_alpha" not in RecipeConfig().model_dump_json()
    assert RecipeConfig(cutmix_alpha=1.0).digest != RecipeConfig().digest
