from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kendalltau

from tiernas.blocks import BlockRows, ConvBlock, IrbBlock, LayerRows
from tiernas.blocks.rows import FloatArray, IntArray
from tiernas.latency import LatencyTable, Observation, Record
from tiernas.latency.estimating import latency_table, layer_model
from tiernas.latency.estimating.equations import equations_of
from tiernas.latency.estimating.layer_model import LayerModel, PredictedLayers
from tiernas.spaces import Architecture, SearchSpace, get_space, released
from tiernas.testing.latency import HEADER, SPACE, measurement, records, true_layer_ms, wholes

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


def test_what_no_trend_expresses_is_learnt_from_similar_layers() -> None:
    true_ms = np.array([true_layer_ms(SPACE.decode(row), bend=0.3).sum() for row in FRESH])
    table = LatencyTable(HEADER, records(24, bend=0.3))
    trend = replace(table.model, deviation=None)
    trend_ms = [LayerRows.of(SPACE.decode(row).layers).each(trend.predict).sum() for row in FRESH]
    assert np.abs(trend_ms / true_ms - 1).mean() > 0.03
    assert np.abs(table.estimate(FRESH) / true_ms - 1).mean() < 0.015


def test_wholes_alone_suffice() -> None:
    table = LatencyTable(HEADER, wholes(records(100, noise=0.01)))
    estimates = table.estimate(FRESH)
    assert np.abs(estimates / TRUE_MS - 1).mean() < 0.02
    assert kendalltau(estimates, TRUE_MS).statistic > 0.98
    layer_ms = true_layer_ms(SPACE.decode(FRESH[0]))
    costs = table.layer_costs(SPACE.decode(FRESH[0]).layers)
    assert np.corrcoef(layer_ms, [cost.latency_ms for cost in costs])[0, 1] > 0.9


def test_wholes_teach_what_no_trend_expresses() -> None:
    true_ms = np.array([true_layer_ms(SPACE.decode(row), bend=0.3).sum() for row in FRESH])
    table = LatencyTable(HEADER, wholes(records(100, bend=0.3)))
    trend = replace(table.model, deviation=None)
    trend_ms = [LayerRows.of(SPACE.decode(row).layers).each(trend.predict).sum() for row in FRESH]
    error = np.abs(table.estimate(FRESH) / true_ms - 1).mean()
    assert error < 0.03
    assert error < 0.8 * np.abs(np.array(trend_ms) / true_ms - 1).mean()


def test_a_network_without_a_profile_makes_all_count_as_wholes() -> None:
    measured = records(24)
    mixed = LatencyTable(HEADER, [*wholes(measured[:1]), *measured[1:]])
    np.testing.assert_array_equal(mixed.estimate(FRESH), LatencyTable(HEADER, wholes(measured)).estimate(FRESH))


def disturbed(n: int, which: slice, factor: float = 3.0) -> list[Record]:
    """Measured networks, some of whose wholes took so much longer than their profiles say."""
    found = records(n)
    for i in range(n)[which]:
        whole = found[i].observation.measurement
        longer = replace(whole, latency_ms=factor * whole.latency_ms)
        found[i] = replace(found[i], observation=replace(found[i].observation, measurement=longer))
    return found


def test_reported_error_and_rank_are_against_what_was_measured() -> None:
    measured = disturbed(48, slice(0, None, 4))
    summary = LatencyTable(HEADER, measured).summary()
    true_ms = np.array([true_layer_ms(SPACE.decode(record.vector)).sum() for record in measured])
    measured_ms = np.array([record.observation.measurement.latency_ms for record in measured])
    errors = 100 * np.abs(true_ms / measured_ms - 1)
    assert summary["disturbed"] == 12
    assert summary["cv_mape"] == pytest.approx(errors.mean(), abs=0.7)  # 16.7; against cleaned latencies it were 0.5
    assert summary["cv_kendall_tau"] == pytest.approx(kendalltau(true_ms, measured_ms).statistic, abs=0.02)
    assert summary["cv_kendall_tau"] < 0.9


def test_reported_error_is_the_mean() -> None:
    measured = disturbed(24, slice(0, None, 2), factor=1.02)  # a disagreement that is usual
    summary = LatencyTable(HEADER, measured).summary()
    assert summary["disturbed"] == 0
    assert summary["cv_mape"] == pytest.approx(1.0, abs=0.3)


def test_disturbed_and_unstable_networks_weigh_less() -> None:
    measured = disturbed(12, slice(3, 4))
    shaky = replace(measured[5].observation.measurement, unstable=True)
    measured[5] = replace(measured[5], observation=replace(measured[5].observation, measurement=shaky))
    found = equations_of(SPACE, measured)
    true_ms = [true_layer_ms(SPACE.decode(record.vector)).sum() for record in measured]
    np.testing.assert_allclose(found.whole_ms, true_ms)
    assert found.measured_ms[3] == pytest.approx(3 * true_ms[3])
    weights = np.ones(12)
    # ln 3 over three times the usual 1.5 %: 1 / (1 + 24.4^2); an unstable one has 0.3
    weights[3], weights[5] = 0.00168, 0.3
    np.testing.assert_allclose(found.weight, weights, rtol=0.01)


def activated_ms(architecture: Architecture, dear: str) -> FloatArray:
    """Layers that cost their multiply-accumulates, and one activation."""

    def each(rows: BlockRows) -> FloatArray:
        activated = rows.work()[:, rows.block.work_kinds.index("activated")]
        return 1e-8 * rows.macs() + 1e-6 * activated * rows.have("activation", dear) + 5e-3

    return LayerRows.of(architecture.layers).each(each)


def activated_table(space: SearchSpace, dear: str) -> LatencyTable:
    measured = []
    for vector in space.sample(40, seed=2):
        layer_ms = activated_ms(space.decode(vector), dear)
        observation = Observation("0" * 16, measurement(float(layer_ms.sum())), tuple(layer_ms.tolist()))
        measured.append(Record(tuple(vector.tolist()), observation))
    return LatencyTable(replace(HEADER, space=space.name, space_digest=space.digest), measured)


@pytest.mark.parametrize("dear", ["swish", "hard_swish"])
def test_engines_on_which_one_of_swish_and_hard_swish_costs_nothing(dear: str) -> None:
    space = get_space("mobile-small")
    fresh = space.sample(30, seed=3)
    expected = [activated_ms(space.decode(vector), dear).sum() for vector in fresh]
    np.testing.assert_allclose(activated_table(space, dear).estimate(fresh), expected, rtol=0.02)


def test_hard_swish_costs_what_swish_does_where_none_was_measured() -> None:
    layers = [IrbBlock(32, 32, 3, 1, 128, 0, act, "same", 14) for act in ("relu", "swish", "hard_swish")]
    relu, swish, hard = (cost.latency_ms for cost in activated_table(SPACE, "swish").layer_costs(layers))
    assert relu < 0.8 * swish
    assert hard == swish


def test_fit_is_repeatable_to_the_bit() -> None:
    first, second = (LatencyTable(HEADER, records(16, noise=0.1)).estimate(FRESH) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def estimate_layers(table: LatencyTable, architecture: Architecture) -> float:
    """The latency of a network, of its space or not: that of its layers together, in ms."""
    return sum(cost.latency_ms for cost in table.layer_costs(architecture.layers))


@pytest.mark.parametrize("remembered", [2**18, 50, 0])
def test_networks_cost_the_same_however_many_are_estimated_at_once(
    remembered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, vectors = LatencyTable(HEADER, records(16, noise=0.1)), SPACE.sample(200, seed=5)
    at_once = table.estimate(vectors)
    monkeypatch.setattr(latency_table, "_AT_ONCE", 16)
    monkeypatch.setattr(layer_model, "_REMEMBERED", remembered)
    monkeypatch.setattr(layer_model, "_CHUNK", 12)
    np.testing.assert_allclose(table.estimate(vectors), at_once, rtol=1e-12)


def test_equal_layers_are_predicted_once() -> None:
    asked: list[list[int]] = []

    class Model(LayerModel):
        def predict(self, rows: BlockRows) -> FloatArray:
            asked.append(rows.numbers("in_channels")[0].astype(int).tolist())
            return rows.numbers("in_channels")[0] / 8

    def rows(*channels: int) -> IntArray:
        return BlockRows.of([ConvBlock(ins, 8, 3, 1, "relu", "same", 14) for ins in channels]).values

    table = LatencyTable(HEADER, records(8))
    layers = PredictedLayers(Model(table.model.trend, None), ConvBlock)
    assert layers.latency_ms([rows(16, 8, 16), rows(8, 24)]).tolist() == [2, 1, 2, 1, 3]
    assert layers.latency_ms([rows(24, 32, 8)]).tolist() == [3, 4, 1]
    assert asked == [[8, 16, 24], [32]]


def test_a_network_costs_what_its_layers_cost() -> None:
    table = LatencyTable(HEADER, records(16, noise=0.1))
    one_by_one = [estimate_layers(table, SPACE.decode(row)) for row in FRESH]
    np.testing.assert_allclose(one_by_one, table.estimate(FRESH))


def test_layers_of_a_network_outside_the_space_are_estimated() -> None:
    table = LatencyTable(HEADER, records(24))
    architecture = released("gpunet_0")
    assert estimate_layers(table, architecture) == pytest.approx(true_layer_ms(architecture).sum(), rel=0.1)


def test_layers_are_marked_as_measured_or_predicted() -> None:
    measured = records(16)
    table = LatencyTable(HEADER, measured)
    known = SPACE.decode(measured[0].vector).layers
    assert all(cost.networks >= 1 for cost in table.layer_costs(known))
    unknown = IrbBlock(1000, 1000, 3, 1, 2000, 0, "relu", "same", 7)
    assert [cost.networks for cost in table.layer_costs([unknown])] == [0]


def test_slowest_layers_come_first() -> None:
    costs = [cost.latency_ms for cost in LatencyTable(HEADER, records(16)).slowest_layers(5)]
    assert len(costs) == 5
    assert costs == sorted(costs, reverse=True)
