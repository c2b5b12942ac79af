"""Conformance suite for search spaces: subclass it in a test module and define how the space is made.

```python
class TestMySpace(SpaceConformance):
    def make(self) -> SearchSpace:
        return MySpace("mine")
```
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from tiernas.blocks import BlockRows, LayerRows
from tiernas.blocks.rows import FloatArray
from tiernas.errors import UsageError
from tiernas.latency import Header, LatencyTable, Observation, Record
from tiernas.networks import Network, build, check_onnx, export_onnx, repeatable_weights
from tiernas.networks.feature_maps import held_elements
from tiernas.spaces import Architecture, SearchSpace
from tiernas.spaces.consistency import grouped_layers, inconsistency, random_vectors
from tiernas.spaces.sizes import architecture_sizes, network_sizes
from tiernas.testing.latency import FINGERPRINT, measurement

NUM_CLASSES = 4


class SpaceConformance(abc.ABC):
    """What every search space must fulfill. Networks are really built, run and exported."""

    networks = 256
    """Number of random vectors to check."""

    built = 3
    """Number of random networks to build, besides the first and the last of the space."""

    measured = 40
    """Number of networks in a latency table."""

    table_error = 0.02
    """Mean relative error of a latency table whose layers cost what their work does."""

    @abc.abstractmethod
    def make(self) -> SearchSpace:
        """A new instance of the space under test."""

    def test_its_parts_say_the_same_of_its_networks(self) -> None:
        assert inconsistency(self.make(), self.networks) is None

    def test_made_anew_it_is_the_same_space(self) -> None:
        first, second = self.make(), self.make()
        assert first.digest == second.digest
        assert (first.name, first.dimensions, first.num_classes) == (second.name, second.dimensions, second.num_classes)
        np.testing.assert_array_equal(first.sample(32, seed=1), second.sample(32, seed=1))

    def test_a_larger_sample_begins_with_the_smaller(self) -> None:
        space = self.make()
        np.testing.assert_array_equal(space.sample(64, seed=1)[:20], space.sample(20, seed=1))
        assert not np.array_equal(space.sample(64, seed=1), space.sample(64, seed=2))

    def test_vectors_outside_are_refused_by_name(self) -> None:
        space = self.make()
        vector = space.sample(1)[0]
        for position, dimension in enumerate(space.dimensions):
            outside = vector.copy()
            outside[position] = dimension.values[-1] + 1
            with pytest.raises(UsageError, match=dimension.name.replace(".", r"\.")):
                space.decode(outside)
        with pytest.raises(UsageError):
            space.decode(vector[:-1])

    def test_what_is_no_network_of_it_is_not_encoded(self) -> None:
        with pytest.raises(UsageError):
            self.make().encode("a network")  # type: ignore[arg-type]

    def test_a_group_of_layers_has_at_most_one_row_of_a_network(self) -> None:
        space = self.make()
        vectors = random_vectors(space, 32, 1)
        for group in space.layer_groups(vectors):
            assert len(set(group.network.tolist())) == len(group.network)
            assert (group.count > 0).all()

    def test_many_networks_have_the_layers_of_each_alone(self) -> None:
        space = self.make()
        vectors = random_vectors(space, 8, 2)
        for vector, together in zip(vectors, grouped_layers(space, vectors), strict=True):
            assert grouped_layers(space, vector[None]) == [together]

    def test_networks_have_the_shapes_that_their_layers_tell(self) -> None:
        for network, images in self._built():
            layers = network.architecture.layers
            seen: list[tuple[int, ...]] = []
            hooks = [block.register_forward_hook(_remember(seen)) for block in network.blocks]
            with torch.no_grad():
                logits = network.eval()(images)
            for hook in hooks:
                hook.remove()
            assert logits.shape == (len(images), NUM_CLASSES)
            assert torch.isfinite(logits).all()
            told = [(len(images), *layer.out_shape) for layer in layers[:-1]]
            assert seen[:-1] == told

    def test_networks_learn(self) -> None:
        for network, images in self._built():
            network.train()(images).square().mean().backward()
            assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())

    def test_networks_are_exported_as_they_are(self, tmp_path: Path) -> None:
        for network, _ in self._built():
            path = tmp_path / "network.onnx"
            export_onnx(network, path)
            check_onnx(path, network)

    def test_layers_count_the_multiply_accumulates_that_a_hook_counts(self) -> None:
        for network, images in self._built():
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                network.eval()(images[:1])
            for number, layer in enumerate(network.architecture.layers[:-1]):  # the last one depends on the classes
                counted = sum(counter.get_flop_counts()[f"Network.blocks.{number}"].values()) // 2
                assert BlockRows.of([layer]).macs().tolist() == [counted], layer.label

    def test_layers_count_the_sizes_of_built_networks(self) -> None:
        """Those of a block that counts none are not limited; see `tiernas.blocks.Block.sizes`."""
        for network, images in self._built():
            counted = architecture_sizes(network.architecture, NUM_CLASSES)
            if counted is None:
                pytest.skip("a block of the space counts no sizes")
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                network.eval()(images[:1])
            modules = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
            assert counted.params.tolist() == [sum(p.numel() for p in network.parameters())]
            assert counted.weights.tolist() == [sum(m.weight.numel() for m in modules)]
            assert counted.macs.tolist() == [counter.get_total_flops() // 2]
            assert counted.held.tolist() == [held_elements(network, images.shape[1:])]

    def test_many_networks_have_the_sizes_of_each_alone(self) -> None:
        space = self.make()
        vectors = random_vectors(space, self.networks, 4)
        alone = [architecture_sizes(space.decode(vector), NUM_CLASSES) for vector in vectors]
        if None in alone:
            pytest.skip("a block of the space counts no sizes")
        together = network_sizes(space, vectors, NUM_CLASSES)
        for field in fields(together):
            expected = np.concatenate([getattr(sizes, field.name) for sizes in alone])
            np.testing.assert_array_equal(getattr(together, field.name), expected, field.name)

    def test_a_latency_table_finds_a_truth_that_work_explains(self) -> None:
        space = self.make()
        vectors = np.unique(space.sample(self.measured + 20, seed=4), axis=0)
        vectors = np.random.default_rng(4).permutation(vectors)
        measured = []
        for vector in vectors[:-20]:
            layer_ms = _true_ms(space.decode(vector))
            whole = measurement(float(layer_ms.sum()))
            measured.append(Record(tuple(vector.tolist()), Observation("0" * 16, whole, tuple(layer_ms.tolist()))))
        header = Header(space.name, space.num_classes, 0, FINGERPRINT, "0.1.0", space.digest)
        estimated = LatencyTable(header, measured, space).estimate(vectors[-20:])
        expected = np.array([_true_ms(space.decode(vector)).sum() for vector in vectors[-20:]])
        assert np.abs(estimated / expected - 1).mean() <= self.table_error

    def _built(self) -> list[tuple[Network, Tensor]]:
        space = self.make()
        found = []
        for vector in random_vectors(space, self.built, 3):
            architecture = space.decode(vector)
            with repeatable_weights():
                network = build(architecture, NUM_CLASSES)
            found.append((network, torch.rand(2, 3, architecture.resolution, architecture.resolution)))
        return found


def _true_ms(architecture: Architecture) -> FloatArray:
    """Latencies of layers: 1e-8 ms for each unit of work of any kind, and 2 us per layer."""
    return 1e-8 * LayerRows.of(architecture.layers).each(lambda rows: rows.work().sum(axis=1)) + 2e-3


def _remember(seen: list[tuple[int, ...]]) -> Callable[[nn.Module, object, Tensor], None]:
    def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
        seen.append(tuple(output.shape))

    return hook
