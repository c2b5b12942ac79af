from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tiernas.training.augmentation import Augmentation

augmentations = st.builds(Augmentation, st.floats(0, 0.5), st.booleans(), st.floats(0, 1))
sizes = st.integers(2, 12)


def noise(n: int, size: int) -> torch.Tensor:
    return torch.randint(0, 256, (n, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@settings(deadline=None)
@given(augmentations, sizes, st.integers(1, 5), st.integers(0, 1000))
def test_shape_type_input_and_repeatability(augment: Augmentation, size: int, n: int, seed: int) -> None:
    images = noise(n, size)
    before = images.clone()
    first = augment(images, torch.Generator().manual_seed(seed))
    assert torch.equal(images, before)
    assert first.shape == images.shape
    assert first.dtype == torch.uint8
    assert torch.equal(first, augment(images, torch.Generator().manual_seed(seed)))


@settings(deadline=None)
@given(sizes, st.integers(0, 1000))
def test_nothing_is_changed_by_nothing(size: int, seed: int) -> None:
    images = noise(3, size)
    assert torch.equal(Augmentation()(images, torch.Generator().manual_seed(seed)), images)


@settings(deadline=None)
@given(sizes, st.integers(0, 1000))
def test_a_flip_gives_the_image_or_its_mirror_image(size: int, seed: int) -> None:
    images = noise(4, size)
    for image, result in zip(images, Augmentation(flip=True)(images, torch.Generator().manual_seed(seed)), strict=True):
        assert torch.equal(result, image) or torch.equal(result, image.flip(2))


@settings(deadline=None)
@given(st.integers(4, 12), st.floats(0, 0.5), st.integers(0, 1000))
def test_a_shift_moves_the_image_and_mirrors_its_border(size: int, padding: float, seed: int) -> None:
    images = noise(4, size)
    reach = round(padding * size)
    results = Augmentation(crop_padding=padding)(images, torch.Generator().manual_seed(seed))
    padded = torch.nn.functional.pad(images.float(), (reach,) * 4, mode="reflect").byte()
    for image, result in zip(padded, results, strict=True):
        windows = (image[:, y : y + size, x : x + size] for y in range(2 * reach + 1) for x in range(2 * reach + 1))
        assert any(torch.equal(result, window) for window in windows)


def test_half_of_the_images_are_flipped_and_all_shifts_occur() -> None:
    ramp = torch.arange(16, dtype=torch.uint8).expand(2000, 3, 16, 16)
    flipped = Augmentation(flip=True)(ramp, torch.Generator().manual_seed(0))[:, 0, 0, 0] == 15
    assert 900 < flipped.sum() < 1100
    middle = Augmentation(crop_padding=0.125)(ramp, torch.Generator().manual_seed(0))[:, 0, 8, 8]
    assert set(middle.tolist()) == {6, 7, 8, 9, 10}


def test_erasing_blanks_one_rectangle_of_the_stated_size() -> None:
    images = torch.full((500, 3, 32, 32), 255, dtype=torch.uint8)
    erased = Augmentation(erase_probability=0.5)(images, torch.Generator().manual_seed(0))[:, 0] != 255
    share = erased.float().mean((1, 2))
    assert 200 < (share > 0).sum() < 300
    assert share.max() < 0.4
    rows, columns = erased.any(2).sum(1), erased.any(1).sum(1)
    assert torch.equal(rows * columns, erased.sum((1, 2)))
