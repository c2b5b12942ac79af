from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tiernas.training import DataConfig, ImageSet, Splits, load_data
from tiernas.training.splitting import stratified

counts_by_class = st.lists(st.integers(2, 40), min_size=2, max_size=8)


@given(counts_by_class, st.floats(0.05, 0.5), st.integers(0, 1), st.integers(0, 2**32 - 1))
def test_stratified_parts_are_disjoint_and_keep_the_shares(
    counts: list[int], fraction: float, leave: int, seed: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    size = round(fraction * len(labels))
    drawn, left = stratified(labels, size, np.random.default_rng(seed), leave=leave)
    assert sorted([*drawn, *left]) == list(range(len(labels)))
    taken = np.bincount(labels[drawn], minlength=len(counts))
    assert (taken >= 1).all()
    assert (taken <= np.array(counts) - leave).all()
    assert len(drawn) == np.clip(size, len(counts), sum(counts) - leave * len(counts))
    if (np.array(counts) * fraction > 2).all():
        assert (np.abs(taken - np.array(counts) * size / sum(counts)) <= 1).all()


def test_shares_worked_out_by_hand() -> None:
    labels = np.repeat([0, 1, 2], [10, 5, 1])
    drawn, _ = stratified(labels, 8, np.random.default_rng(0), leave=0)
    # Exact shares 5, 2.5 and 0.5: rounded down 5, 2 and 0, of which the last becomes 1, and all together 8.
    assert np.bincount(labels[drawn]).tolist() == [5, 2, 1]


def _fingerprints(part: ImageSet) -> Counter[bytes]:
    return Counter(image.numpy().tobytes() for image in part.images)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_digits_are_split_without_loss_and_the_same_again(seed: int) -> None:
    config = DataConfig(seed=seed)
    splits, again = load_data(config), load_data(config)
    assert splits.digest == again.digest
    parts = [splits.train, splits.validation, splits.test]
    assert sum((_fingerprints(part) for part in parts), Counter()) == sum(
        (_fingerprints(part) for part in (again.train, again.validation, again.test)), Counter()
    )
    assert splits.counts == {"train": 1298, "validation": 229, "test": 270, "skipped": 0}
    shares = [torch.bincount(part.labels) / len(part) for part in parts]
    assert all(torch.allclose(share, shares[0], atol=0.01) for share in shares)


def test_the_seed_decides_the_split(digits: Splits) -> None:
    assert load_data(DataConfig(seed=1)).digest != digits.digest


def test_a_limit_changes_the_training_part_only(digits: Splits) -> None:
    limited = load_data(DataConfig(train_limit=200))
    assert len(limited.train) == 200
    assert torch.equal(limited.validation.images, digits.validation.images)
    assert torch.equal(limited.test.images, digits.test.images)
    assert not _fingerprints(limited.train) - _fingerprints(digits.train)
    assert limited.digest != digits.digest


def test_digits_are_white_ink_in_three_equal_channels(digits: Splits) -> None:
    images = digits.train.images
    assert images.dtype == torch.uint8
    assert images.shape[1:] == (3, 8, 8)
    assert images.is_contiguous(memory_format=torch.channels_last)
    assert (int(images.min()), int(images.max())) == (0, 255)
    assert torch.equal(images[:, 0], images[:, 2])
    assert not digits.flip_safe
