from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import kendalltau

from tiernas.latency import LatencyTable
from tiernas.latency.features import WORK, work
from tiernas.latency.rows import unique_rows
from tiernas.spaces import Layer, released
from tiernas.testing.latency import HEADER, SPACE, records, true_layer_ms

FRESH = SPACE.sample(60, seed=77)
TRUE_MS = np.array([true_layer_ms(SPACE.decode(row)).sum() for row in FRESH])


def test_exact_measurements_give_exact_estimates() -> None:
    table = LatencyTable(HEADER, records(24))
    np.testing.assert_allclose(table.estimate(FRESH), TRUE_MS, rtol=0.02)


def test_noise_is_averaged_out() -> None:
    table = LatencyTable(HEADER, records(48, noise=0.1))
    estimates = table.estimate(FRESH)
    assert np.abs(estimates / TRUE_MS - 1).mean() < 0.04
    assert kendalltau(estimates, TRUE_MS).statistic > 0.95


def test_wild_outliers_do_little_harm() -> None:
    measured = records(48, noise=0.03)
    for record in measured[::12]:
        whole = record.observation.measurement
        object.__setattr__(whole, "latency_ms", 3 * whole.latency_ms)
    errors = LatencyTable(HEADER, measured).estimate(FRESH) / TRUE_MS - 1
    assert np.abs(errors).mean() < 0.06


def test_fit_is_repeatable_to_the_bit() -> None:
    first, second = (LatencyTable(HEADER, records(16, noise=0.1)).estimate(FRESH) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_one_architecture_costs_what_its_vector_costs() -> None:
    table = LatencyTable(HEADER, records(16, noise=0.1))
    one_by_one = [table.estimate_architecture(SPACE.decode(row)) for row in FRESH]
    np.testing.assert_allclose(one_by_one, table.estimate(FRESH))


def test_network_outside_the_space_has_an_estimate() -> None:
    table = LatencyTable(HEADER, records(24))
    architecture = released("gpunet_0")
    assert table.estimate_architecture(architecture) == pytest.approx(true_layer_ms(architecture).sum(), rel=0.1)


def test_layers_are_marked_as_measured_or_predicted() -> None:
    measured = records(16)
    table = LatencyTable(HEADER, measured)
    known = SPACE.decode(measured[0].vector).layers
    assert all(cost.networks >= 1 for cost in table.layer_costs(known))
    unknown = Layer("irb", 1000, 1000, 3, 1, 2000, 0, "relu", "same", 7)
    assert [cost.networks for cost in table.layer_costs([unknown])] == [0]


def test_dearest_layers_come_first() -> None:
    costs = [cost.latency_ms for cost in LatencyTable(HEADER, records(16)).dearest_layers(5)]
    assert len(costs) == 5
    assert costs == sorted(costs, reverse=True)


def test_work_by_hand() -> None:
    layer = Layer("irb", 8, 8, 3, 1, 16, 2, "swish", "same", 4)
    counted = dict(zip(WORK, work(np.array([layer.to_row()]))[0], strict=True))
    assert counted == {
        "spatial_macs": 0,
        "expand_macs": 16 * 8 * 16,
        "depthwise_macs": 16 * 9 * 16,
        "project_macs": 16 * 16 * 8,
        "squeeze_macs": 2 * 16 * 2,
        "weights": 8 * 16 + 9 * 16 + 16 * 8 + 2 * 16 * 2,
        "input": 16 * 8,
        "expanded": 16 * 16,
        "inner": 16 * 16,
        "output": 16 * 8,
        "activated": 2 * 16 * 16,
        "swished": 2 * 16 * 16,
        "gated": 16 * 16,
        "added": 16 * 8,
        "row_starts": 4 * 3,
        "squeezes": 1,
    }


def test_work_of_stem_and_strided_fused_block_by_hand() -> None:
    stem = Layer("stem", 3, 8, 3, 2, 2, 0, "relu", "same", 8)
    fused = Layer("fused_irb", 8, 16, 5, 2, 32, 0, "relu", "valid", 9)
    rows = np.array([stem.to_row(), fused.to_row()])
    spatial = work(rows)[:, WORK.index("spatial_macs")]
    assert spatial.tolist() == [16 * 9 * 3 * 8 + 16 * 9 * 8 * 8, 9 * 25 * 8 * 32]
    assert work(rows)[:, WORK.index("swished")].tolist() == [0, 0]


@given(hnp.arrays(np.int64, st.tuples(st.integers(1, 30), st.integers(1, 6)), elements=st.integers(-3, 2**40)))
def test_unique_rows_is_that_of_numpy(rows: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> None:
    expected, index = np.unique(rows, axis=0, return_inverse=True)
    found, inverse = unique_rows(rows)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(inverse, index.ravel())
