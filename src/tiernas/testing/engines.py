"""Conformance suite for engines: subclass it in a test module and define how the engine is made.

```python
class TestMyEngine(EngineConformance):
    def make(self) -> Engine:
        return MyEngine("fp32")
```
"""

from __future__ import annotations

import abc
import ast
import dataclasses
import json
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch

from tiernas.blocks import ConvBlock, FusedIrbBlock, HeadBlock, IrbBlock, SeparableBlock, StemBlock
from tiernas.engines import Engine, Fingerprint, Measurement, SavedNetwork, StopRule, TurnRule, measure
from tiernas.errors import UsageError
from tiernas.networks import Network, build, export_onnx, repeatable_weights
from tiernas.spaces import Architecture, Head, LayeredArchitecture, Stage, StagedArchitecture, Stem

NUM_CLASSES = 4

ARCHITECTURE = StagedArchitecture(
    16,
    Stem(8),
    (
        Stage("conv", 8, 3, 1, 1, "swish"),
        Stage("fused_irb", 16, 3, 2, 2, "relu", 2, True),
        Stage("irb", 16, 5, 2, 2, "swish", 3, True),
    ),
    Head(16),
)
"""A tiny network with the blocks of GPUNet."""

MOBILE = LayeredArchitecture(
    16,
    (
        StemBlock(3, 8, 3, 1, "relu6", 16),
        SeparableBlock(8, 8, 3, 1, 2, "relu6", "same", 8, "hard_sigmoid"),
        IrbBlock(8, 16, 5, 2, 24, 2, "hard_swish", "same", 8, "hard_sigmoid"),
        SeparableBlock(16, 16, 5, 1, 0, "hard_swish", "same", 4),
        FusedIrbBlock(16, 16, 3, 1, 32, 4, "swish", "same", 4),
        ConvBlock(16, 24, 3, 2, "hard_swish", "same", 4),
        HeadBlock(24, 32, 0, "hard_swish", 2),
    ),
)
"""A tiny network with the blocks, activations and gates of the mobile spaces."""


class Saved(NamedTuple):
    """A saved network, its folder, and the outputs of the compiled one for some images."""

    network: SavedNetwork
    folder: Path
    images: npt.NDArray[np.float32]
    logits: npt.NDArray[np.float32]


class EngineConformance(abc.ABC):
    """What every engine must fulfill. All tests run the engine for real."""

    tolerance: float = 1e-4
    """Largest difference of a logit from torch in fp32, relative to the largest logit; low precisions need more."""

    has_profile: bool = True
    """Whether the engine can time nodes (`CompiledNetwork.profile`)."""

    @abc.abstractmethod
    def make(self) -> Engine:
        """The engine under test, at batch 1."""

    @pytest.fixture
    def network(self) -> Network:
        """The tiny network, with fixed weights."""
        return _built(ARCHITECTURE)

    @pytest.fixture
    def onnx_path(self, network: Network, tmp_path: Path) -> Path:
        """The tiny network as ONNX."""
        path = tmp_path / "tiny.onnx"
        export_onnx(network, path)
        return path

    @pytest.mark.parametrize("architecture", [ARCHITECTURE, MOBILE], ids=["gpunet", "mobile"])
    def test_logits_are_those_of_torch(self, architecture: Architecture, tmp_path: Path) -> None:
        network, onnx_path = _built(architecture), tmp_path / "tiny.onnx"
        export_onnx(network, onnx_path)
        images = np.random.default_rng(1).standard_normal((1, 3, 16, 16), dtype=np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(images)).numpy()
        calibration = np.random.default_rng(2).standard_normal((32, 3, 16, 16), dtype=np.float32)
        with self.make().compile(onnx_path, calibration) as compiled:
            assert compiled.input_shape == images.shape
            logits = compiled.run(images)
            assert logits.shape == (1, NUM_CLASSES)
            assert logits.dtype == np.float32
            assert np.abs(logits - expected).max() <= self.tolerance * np.abs(expected).max()

    def test_logits_do_not_change_after_timing(self, onnx_path: Path) -> None:
        images = np.ones((1, 3, 16, 16), dtype=np.float32)
        with self.make().compile(onnx_path) as compiled:
            before = compiled.run(images)
            kept = before.copy()
            compiled.infer()
            np.testing.assert_array_equal(before, kept)
            np.testing.assert_allclose(compiled.run(images), before, rtol=1e-5)

    def test_logits_do_not_change_when_it_is_loaded_anew(self, onnx_path: Path) -> None:
        images = np.ones((1, 3, 16, 16), dtype=np.float32)
        with self.make().compile(onnx_path) as compiled:
            before = compiled.run(images)
            for _ in range(2):
                compiled.reload()
                assert compiled.input_shape == images.shape
                np.testing.assert_allclose(compiled.run(images), before, rtol=1e-5)
            compiled.infer()
            assert compiled.time_ns() > 0

    def test_images_of_another_shape_are_refused(self, onnx_path: Path) -> None:
        with self.make().compile(onnx_path) as compiled, pytest.raises(UsageError, match="17"):
            compiled.run(np.zeros((1, 3, 17, 17), dtype=np.float32))

    def test_measurement_is_consistent(self, onnx_path: Path) -> None:
        rule = StopRule(warmup_s=0.01, min_s=0.02, limit_s=0.1)
        with self.make().compile(onnx_path) as compiled:
            found = measure(compiled, rule)
        assert 0 < found.low_ms <= found.latency_ms <= found.high_ms
        assert found.latency_ms <= found.p90_ms <= found.p95_ms <= found.p99_ms
        assert found.runs >= 1

    def test_it_takes_turns_with_a_copy_of_itself(self, onnx_path: Path) -> None:
        with self.make().compile(onnx_path) as network, self.make().compile(onnx_path) as copy:
            found = copy.anchor("the copy").measure(network, TurnRule(min_s=0.05, limit_s=0.1, reload_s=0.05))
        assert found.in_turn is not None
        assert found.in_turn.anchor == "the copy"
        assert found.in_turn.pairs >= 8
        assert 0 < found.in_turn.ratio_low <= found.in_turn.ratio <= found.in_turn.ratio_high < math.inf
        assert found.latency_ms == pytest.approx(found.in_turn.ratio * found.in_turn.anchor_ms)
        assert Measurement.from_dict(json.loads(json.dumps(dataclasses.asdict(found)))) == found

    @pytest.fixture
    def saved(self, onnx_path: Path, tmp_path: Path) -> Saved:
        """The tiny network as the engine deploys it, and the logits it gave before."""
        folder = tmp_path / "saved"
        folder.mkdir()
        rng = np.random.default_rng(3)
        images = rng.standard_normal((1, 3, 16, 16), dtype=np.float32)
        with self.make().compile(onnx_path, rng.standard_normal((32, 3, 16, 16), dtype=np.float32)) as compiled:
            return Saved(compiled.save(folder), folder, images, compiled.run(images))

    def test_what_is_saved_gives_the_same_logits_without_tiernas(self, saved: Saved) -> None:
        assert saved.network.files
        assert sorted(file.name for file in saved.folder.iterdir()) == sorted(saved.network.files)
        assert all(file.partition(".")[0] == "network" for file in saved.network.files)
        options = json.loads(json.dumps(saved.network.options))
        found = dataclasses.replace(saved.network, options=options).load(saved.folder)(saved.images)
        assert found.dtype == np.float32
        assert found.shape == saved.logits.shape
        assert np.abs(found - saved.logits).max() <= 1e-5 * np.abs(saved.logits).max()
        tree = ast.parse(saved.network.loader.read_text("utf-8"))
        imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        imported += [node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not [name for name in imported if name.startswith((".", "tiernas"))]
        assert saved.network.requirements

    @pytest.mark.parametrize("architecture", [ARCHITECTURE, MOBILE], ids=["gpunet", "mobile"])
    def test_profile_names_every_layer(self, architecture: Architecture, tmp_path: Path) -> None:
        onnx_path = tmp_path / "tiny.onnx"
        export_onnx(_built(architecture), onnx_path)
        with self.make().compile(onnx_path) as compiled:
            nodes = compiled.profile()
        assert bool(nodes) == self.has_profile
        if not self.has_profile:
            return
        assert all(node.time_ms >= 0 for node in nodes)
        for layer in range(len(architecture.layers)):
            assert any(f"/blocks/blocks.{layer}/" in node.name for node in nodes), f"no node of layer {layer}"

    def test_fingerprint_tells_the_settings(self, onnx_path: Path) -> None:
        engine = self.make()
        fingerprint = engine.fingerprint()
        assert (fingerprint.engine, fingerprint.precision) == (engine.name, engine.precision)
        assert (fingerprint.batch, fingerprint.threads) == (engine.batch, engine.threads)
        assert fingerprint.plugin == engine.plugin
        assert fingerprint.device
        assert fingerprint.engine_version
        assert Fingerprint.from_dict(json.loads(json.dumps(fingerprint.to_dict()))) == fingerprint
        with engine.compile(onnx_path) as compiled:
            assert compiled.fingerprint == fingerprint

    def test_own_precision_is_declared(self) -> None:
        engine = self.make()
        assert engine.precision in engine.precisions()

    def test_more_exact_precisions_lead_to_the_first(self) -> None:
        engine: Engine | None = self.make()
        seen: list[str] = []
        while engine is not None:
            seen.insert(0, engine.precision)
            engine = engine.more_exact()
        precisions = self.make().precisions()
        assert tuple(seen) == precisions[: len(seen)]

    def test_unknown_precision_names_the_known(self) -> None:
        engine = self.make()
        with pytest.raises(UsageError, match=engine.precisions()[0]):
            type(engine)("int3")

    def test_threads_beyond_the_device_are_refused(self) -> None:
        engine = self.make()
        with pytest.raises(UsageError, match="threads"):
            type(engine)(engine.precision, threads=100_000)

    def test_missing_file_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"none\.onnx"):
            self.make().compile(tmp_path / "none.onnx")

    def test_file_that_is_no_network_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "text.onnx"
        path.write_text("this is no network")
        with pytest.raises(UsageError, match=r"text\.onnx"):
            self.make().compile(path)

    def test_dynamic_shape_is_refused(self, onnx_path: Path) -> None:
        model = onnx.load(onnx_path)
        model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
        onnx.save(model, onnx_path)
        with pytest.raises(UsageError, match=r"height.*fixed"):
            self.make().compile(onnx_path)

    def test_operator_that_the_engine_lacks_is_named(self, tmp_path: Path) -> None:
        shape = [1, 3, 8, 8]
        images, logits = (onnx.helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, shape) for n in ("x", "y"))
        graph = onnx.helper.make_graph(
            [onnx.helper.make_node("Frobnicate", ["x"], ["y"], domain="acme")], "g", [images], [logits]
        )
        opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("acme", 1)]
        path = tmp_path / "odd.onnx"
        onnx.save(onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
        with pytest.raises(UsageError, match="Frobnicate"):
            self.make().compile(path)

    @pytest.mark.parametrize(("shape", "words"), [((0, 3, 16, 16), "0 images"), ((9, 3, 17, 16), "17")])
    def test_calibration_that_does_not_fit_is_refused(
        self, onnx_path: Path, shape: tuple[int, ...], words: str
    ) -> None:
        engine = self.make()
        if engine.precision != "int8":
            pytest.skip(f"{engine.precision} is not calibrated")
        with pytest.raises(UsageError, match=f"calibration.*{words}"):
            engine.compile(onnx_path, np.zeros(shape, dtype=np.float32))

    def test_another_batch_is_refused(self, network: Network, tmp_path: Path) -> None:
        path = tmp_path / "two.onnx"
        export_onnx(network, path, batch=2)
        with pytest.raises(UsageError, match="batch 2"):
            self.make().compile(path)

    def test_close_is_called_when_the_block_fails(self, onnx_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        compiled = self.make().compile(onnx_path)
        original, closed = compiled.close, []

        def close() -> None:
            closed.append(True)
            original()

        monkeypatch.setattr(compiled, "close", close)
        with pytest.raises(RuntimeError, match="boom"), compiled:
            raise RuntimeError("boom")
        assert closed == [True]


def _built(architecture: Architecture) -> Network:
    """The network with fixed weights."""
    with repeatable_weights():
        return build(architecture, NUM_CLASSES).eval()
