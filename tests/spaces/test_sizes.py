"""Sizes of many networks agree with the networks that torch builds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import tokens
from tests.parents import PARENT_NETWORK, parent_space

from tiernas.errors import UsageError
from tiernas.networks import build, cost
from tiernas.networks.feature_maps import held_elements
from tiernas.spaces import SearchSpace, get_space, released, released_names
from tiernas.spaces.consistency import random_vectors
from tiernas.spaces.sizes import architecture_sizes, network_sizes

NAMES = ("gpunet", "gpunet-small", "gpunet-wide", "mobile", "mobile-small", "vit", "vit-small", "mlp", "mlp-small")
SPACES = {**{name: get_space(name) for name in NAMES}, "parent": parent_space()}


def networks(spaces: dict[str, SearchSpace]) -> st.SearchStrategy[tuple[str, list[int]]]:
    """A name of a space, and a vector of it, canonical or not."""

    def of(name: str) -> st.SearchStrategy[tuple[str, list[int]]]:
        values = st.tuples(*(st.sampled_from(dimension.values) for dimension in spaces[name].dimensions))
        return st.tuples(st.just(name), values.map(list))

    return st.sampled_from(sorted(spaces)).flatmap(of)


@settings(max_examples=12)
@given(networks(SPACES), st.integers(1, 2000))
def test_parameters_and_multiply_accumulates_are_those_of_the_built_network(
    network: tuple[str, list[int]], num_classes: int
) -> None:
    name, vector = network
    sizes = network_sizes(SPACES[name], np.array([vector]), num_classes)
    built = cost(SPACES[name].decode(vector), num_classes)
    assert (sizes.params.tolist(), sizes.macs.tolist()) == ([built.params], [built.macs])
    assert 0 < sizes.weights[0] < built.params


@settings(max_examples=12)
@given(networks({name: space for name, space in SPACES.items() if name not in ("gpunet", "gpunet-wide", "vit")}))
def test_the_peak_is_that_of_a_walk_over_the_feature_maps(network: tuple[str, list[int]]) -> None:
    name, vector = network
    architecture = SPACES[name].decode(vector)
    with torch.device("meta"):
        built = build(architecture, 10)
    resolution = architecture.resolution
    sizes = network_sizes(SPACES[name], np.array([vector]), 10)
    assert sizes.held.tolist() == [held_elements(built, (3, resolution, resolution))]


@pytest.mark.parametrize("name", released_names())
def test_released_networks(name: str) -> None:
    sizes, built = architecture_sizes(released(name), 1000), cost(released(name))
    assert sizes is not None
    assert (sizes.params.tolist(), sizes.macs.tolist()) == ([built.params], [built.macs])


@given(networks(SPACES))
def test_the_largest_map_is_held_at_some_time(network: tuple[str, list[int]]) -> None:
    name, vector = network
    layers = SPACES[name].decode(vector).layers
    sizes = network_sizes(SPACES[name], np.array([vector]), 10)
    assert sizes.held[0] > max(math.prod(layer.in_shape) for layer in layers)


@pytest.mark.parametrize("name", ["gpunet-small", "parent", "mlp-small"])
def test_many_at_once_are_counted_as_each_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tiernas.spaces.group_parts._AT_ONCE", 7)  # several parts
    space = SPACES[name]
    vectors = random_vectors(space, 30, 0)
    together = network_sizes(space, vectors, 5)
    for number, vector in enumerate(vectors):
        alone = network_sizes(space, vector[None], 5)
        for what in ("weights", "other_params", "macs", "held"):
            assert getattr(alone, what)[0] == getattr(together, what)[number]


def test_no_networks_have_no_sizes() -> None:
    space = SPACES["gpunet-small"]
    assert len(network_sizes(space, space.sample(1)[:0], 10).params) == 0


def test_a_network_of_a_space_is_that_of_its_architecture() -> None:
    sizes = architecture_sizes(PARENT_NETWORK, 4)
    whole = network_sizes(SPACES["parent"], np.array([parent_space().whole(32)]), 4)
    assert sizes is not None
    assert (sizes.params.tolist(), sizes.held.tolist()) == (whole.params.tolist(), whole.held.tolist())


def test_a_block_that_counts_nothing_is_named() -> None:
    space = tokens.SPACE
    vectors = space.sample(4)
    with pytest.raises(UsageError, match=r"^block 'tests\.tokens:Patches' does not count its parameters .* limits"):
        network_sizes(space, vectors, 5)
    assert architecture_sizes(space.decode(vectors[0]), 5) is None
