"""Benchmarks and functions: values worked out by hand, on benchmarks made by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tiernas.errors import UsageError
from tiernas.replay import Ackley, Anb28, Evaluator, Levy, NasBench201


def one_block(limit_us: float = float("inf")) -> Anb28:
    """One block of a MnasNet: expansion (3 levels), kernel (2), layers (3), squeeze-and-excitation (2)."""
    pairs = np.zeros((10, 10))
    pairs[1, 4] = 0.5  # expansion 1 with kernel 1
    pairs[2, 9] = -2.0  # expansion 2 with squeeze-and-excitation
    layer_cost_us = np.zeros((1, 3, 2, 2, 2))
    layer_cost_us[0, 1, 1, 0] = 7.0, 3.0
    layer_cost_us[0, 2, 0, 1] = 10.0, 4.0
    return Anb28((3, 2, 3, 2), limit_us, 60.0, np.arange(10) / 10, pairs, 80.0, layer_cost_us)


def test_the_accuracy_of_a_mnasnet_is_the_bias_the_levels_and_their_pairs() -> None:
    values = one_block().value(np.array([[1, 1, 0, 0], [2, 0, 2, 1], [0, 0, 1, 0]]))
    # positions in the one-hot code: expansion 0-2, kernel 3-4, layers 5-7, squeeze-and-excitation 8-9
    assert values == pytest.approx(
        [60 + 0.1 + 0.4 + 0.5 + 0.8 + 0.5, 60 + 0.2 + 0.3 + 0.7 + 0.9 - 2.0, 60 + 0.0 + 0.3 + 0.6 + 0.8]
    )


def test_the_cost_of_a_mnasnet_is_that_of_first_and_further_layers() -> None:
    rows = np.array([[1, 1, 0, 0], [1, 1, 2, 0], [2, 0, 1, 1]])
    assert one_block().cost_us(rows) == pytest.approx([80 + 7, 80 + 7 + 2 * 3, 80 + 10 + 4])
    assert one_block(limit_us=93.0).feasible(rows).tolist() == [True, True, False]


@pytest.mark.parametrize(("device", "bias_us"), [("a100", 83.0), ("rtx3090", 120.0)])
def test_the_mnasnet_benchmark_is_read(tmp_path: Path, device: str, bias_us: float) -> None:
    levels = np.array([3, 2, 3, 2] * 5 + [3, 2, 4, 2] + [3, 2, 3, 2])
    coefficients = np.zeros(168)
    coefficients[-4:] = 1.0, 0.25, 2.0, 0.5  # last block, expansion 2, kernel 1; without and with the fourth
    np.savez(
        tmp_path / "anb28_surrogate.npz",
        ncat=levels,
        acc_bias=60.0,
        acc_lin=np.zeros(71),
        acc_pair=np.zeros((71, 71), dtype=np.float32),
        lat_a100_bias=83.0,
        lat_a100_coef=coefficients,
        lat_3090_bias=120.0,
        lat_3090_coef=coefficients,
    )
    benchmark = Anb28.load(tmp_path, device=device)  # type: ignore[arg-type]
    rows = np.zeros((3, 28), dtype=np.int64)
    rows[1, 24:] = 2, 1, 2, 0
    rows[2, 24:] = 2, 1, 2, 1
    assert benchmark.levels == tuple(levels)
    assert benchmark.cost_us(rows) == pytest.approx(bias_us + np.array([0.0, 1.0 + 2 * 0.25, 2.0 + 2 * 0.5]))
    assert benchmark.value(rows) == pytest.approx([60.0] * 3)


def test_cells_are_found_whatever_their_order_in_the_file(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(5**6)
    ops = np.stack([order // 5**k % 5 for k in range(5, -1, -1)], axis=1).astype(np.uint8)
    np.savez(
        tmp_path / "nasbench201.npz",
        ops=ops,
        ep200_cifar100_test=order.astype(np.float32),
        lat_ms_titan_rtx_256=(order / 1000).astype(np.float32),
        lat_ms_eyeriss=(5 - order / 1000).astype(np.float32),
        ep12_cifar100_val=(order / 2).astype(np.float32),
    )
    benchmark = NasBench201.load(tmp_path, limit_ms=3.0)
    rows = np.array([[0, 0, 0, 0, 1, 2], [1, 0, 0, 0, 0, 4], [0, 4, 3, 0, 0, 0]])
    assert benchmark.value(rows).tolist() == [7.0, 3129.0, 4 * 625 + 3 * 125]
    assert benchmark.value_after(rows, 12).tolist() == [3.5, 1564.5, (4 * 625 + 3 * 125) / 2]
    with pytest.raises(ValueError, match="after 12 and 200 epochs, not after 50"):
        benchmark.value_after(rows, 50)
    assert benchmark.feasible(rows).tolist() == [True, False, True]
    ratio = benchmark.duration_s(rows) / benchmark.duration_s(rows[:1])
    assert ratio == pytest.approx([1.0, 3129 / 7, 2875 / 7], rel=1e-6)
    elsewhere = NasBench201.load(tmp_path, limit_ms=3.0, device="eyeriss")
    assert elsewhere.feasible(rows).tolist() == [False, True, True]
    assert (elsewhere.duration_s(rows) == benchmark.duration_s(rows)).all()


@pytest.mark.parametrize("benchmark", [Anb28, NasBench201])
def test_a_missing_or_broken_benchmark_is_said(tmp_path: Path, benchmark: type[Anb28] | type[NasBench201]) -> None:
    with pytest.raises(UsageError, match=r"no file .*npz: give the folder"):
        benchmark.load(tmp_path)
    for name in ("anb28_surrogate.npz", "nasbench201.npz"):
        (tmp_path / name).write_bytes(b"no arrays")
    with pytest.raises(UsageError, match="cannot be read as NumPy arrays"):
        benchmark.load(tmp_path)


def test_a_benchmark_without_what_is_needed_is_said(tmp_path: Path) -> None:
    np.savez(tmp_path / "nasbench201.npz", ops=np.zeros((1, 6)))
    with pytest.raises(UsageError, match=r"nasbench201\.npz has no ep200_cifar100_test"):
        NasBench201.load(tmp_path)


def test_ackley_is_zero_at_its_optimum_and_known_one_unit_away() -> None:
    rows = np.full((3, 20), 33)
    rows[1] = 99  # x = 10
    rows[2, :] = 0  # x = -5
    flat = 20 * np.exp(-0.2 * np.array([10.0, 5.0])) - 20  # whole numbers: every cosine is 1
    assert Ackley(20).value(rows) == pytest.approx([0.0, *flat], abs=1e-12)


def test_levy_is_zero_at_its_optimum_and_known_four_units_away() -> None:
    rows = np.full((3, 6), 55)
    rows[1, 0] = 75  # x = 5, w = 2: the sine of the first term is 0
    rows[2, 5] = 75
    middle = 1.0 * (1 + 10 * np.sin(2 * np.pi + 1) ** 2)
    assert Levy(6).value(rows) == pytest.approx([0.0, -middle, -1.0], abs=1e-12)


@pytest.mark.parametrize("evaluator", [Ackley(50), Levy(6), one_block()])
def test_the_answer_for_a_row_does_not_depend_on_the_others(evaluator: Evaluator) -> None:
    rows = np.random.default_rng(0).integers(0, evaluator.levels, size=(20, len(evaluator.levels)))
    together = evaluator.value(rows)
    assert together == pytest.approx([float(evaluator.value(row[None])[0]) for row in rows], rel=1e-12)
    assert len(evaluator.categorical) == len(evaluator.levels)
    assert len(evaluator.feasible(rows)) == len(evaluator.duration_s(rows)) == len(rows)
    if isinstance(evaluator, Ackley | Levy):
        assert together.max() < 0.0
