"""`Detector`: one of torchvision's detectors around a backbone, for images of one size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead
from torchvision.ops import box_iou, clip_boxes_to_image

from tiernas.detection.backbone import Features, Pyramid
from tiernas.errors import UsageError

Kind = Literal["retinanet", "ssdlite"]

_OCTAVES: Mapping[str, tuple[float, ...]] = {"retinanet": (1.0, 2 ** (1 / 3), 2 ** (2 / 3)), "ssdlite": (1.0, 2**0.5)}
"""Sizes of the anchors of a level relative to the smallest one: three per octave (arXiv 1708.02002, section 4), or a
second one halfway to the next level (SSD, arXiv 1512.02325, section 2.2)."""

_RATIOS = (0.5, 1.0, 2.0)
"""Heights of anchors relative to their widths, in both."""

Target = Mapping[str, Tensor]
"""What an image shows: `boxes`, `(k, 4)` corners x1, y1, x2, y2 in pixels of the input, and `labels`, `(k,)` int64 from
0."""


@dataclass(frozen=True, slots=True)
class Design:
    """What a detector consists of, besides its backbone.

    Attributes:
        kind: "retinanet": heads of four convolutions that all levels share, with focal loss; or "ssdlite": a separable
            convolution for each level, with the loss of SSD.
        strides: Strides of the levels, finest first.
        channels: Channels of every level.
        image_size: Height and width of the images, in pixels.
        anchor_scale: Side of the smallest anchor of a level, in strides.
        num_classes: Number of classes.
    """

    kind: Kind
    strides: tuple[int, ...]
    channels: int
    image_size: tuple[int, int]
    anchor_scale: float
    num_classes: int


class Detector(nn.Module):
    """A detector from normalized images to the box and scores of every anchor.

    The parts and the losses are torchvision's. Images have one size, so that anchors are constants, and no image is
    scaled or padded inside.

    Attributes:
        design: What it consists of.
        features: The backbone.
        model: The detector of torchvision.

    Args:
        features: The backbone; blocks that the design does not need are removed.
        design: What it consists of.

    Raises:
        UsageError: The backbone has no map of a stride, or the images are too small for the strides.
    """

    anchors: Tensor

    def __init__(self, features: Features, design: Design) -> None:
        super().__init__()
        self.design = design
        if min(design.image_size) < design.strides[-1]:
            raise UsageError(
                f"image_size = {list(design.image_size)}: must be at least {design.strides[-1]}, the largest stride"
            )
        pyramid = Pyramid(features, design.strides, design.channels)
        sizes = tuple(
            tuple(design.anchor_scale * stride * octave for octave in _OCTAVES[design.kind])
            for stride in design.strides
        )
        generator = AnchorGenerator(sizes, (_RATIOS,) * len(sizes))
        self.model: Any = (_retinanet if design.kind == "retinanet" else _ssdlite)(pyramid, generator, design)
        self.register_buffer("anchors", self._anchors(), persistent=False)

    @property
    def features(self) -> Features:
        """The backbone."""
        features: Features = self.model.backbone.features
        return features

    def forward(self, images: Tensor) -> Tensor:
        """`(n, 3, height, width)` normalized images to `(n, anchors, 4 + classes)`.

        Of each anchor: the corners of its box (x1, y1, x2, y2) in pixels, within the image, and the score of each class
        in 0 ... 1. `tiernas.detection.suppression` makes detections of them.
        """
        logits, codes = self._outputs(images)
        n = codes.shape[0]
        decoded = self.model.box_coder.decode_single(codes.reshape(-1, 4), self.anchors.repeat(n, 1))
        boxes = clip_boxes_to_image(decoded, self.design.image_size).reshape(n, -1, 4)
        scores = logits.sigmoid() if self.design.kind == "retinanet" else logits.softmax(-1)[..., 1:]
        return torch.cat((boxes, scores), dim=2)

    def loss(self, images: Tensor, targets: Sequence[Target]) -> Tensor:
        """The loss of a batch: classification and boxes.

        Args:
            images: `(n, 3, height, width)`, normalized.
            targets: What each image shows; possibly nothing.
        """
        logits, codes = self._outputs(images)
        outputs = {"cls_logits": logits.float(), "bbox_regression": codes.float()}
        anchors = [self.anchors] * len(images)
        if self.design.kind == "retinanet":
            losses = self.model.compute_loss([dict(target) for target in targets], outputs, anchors)
        else:  # class 0 is the background
            shifted = [{"boxes": target["boxes"], "labels": target["labels"] + 1} for target in targets]
            losses = self.model.compute_loss(shifted, outputs, anchors, [self._matched(t["boxes"]) for t in targets])
        total: Tensor = losses["classification"] + losses["bbox_regression"]
        return total

    def _outputs(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `(n, anchors, classes)`, with the background for SSDLite, and encoded boxes `(n, anchors, 4)`."""
        found = self.model.head(list(self.model.backbone(images).values()))
        return found["cls_logits"], found["bbox_regression"]

    def _matched(self, boxes: Tensor) -> Tensor:
        """The box that each anchor should find; -1 for none."""
        if not len(boxes):
            return torch.full((len(self.anchors),), -1, dtype=torch.int64, device=boxes.device)
        matched: Tensor = self.model.proposal_matcher(box_iou(boxes, self.anchors))
        return matched

    @torch.no_grad()
    def _anchors(self) -> Tensor:
        height, width = self.design.image_size
        was_training = self.model.training
        images = torch.zeros(1, 3, height, width)
        levels = list(self.model.eval().backbone(images).values())
        self.model.train(was_training)
        anchors: list[Tensor] = self.model.anchor_generator(ImageList(images, [(height, width)]), levels)
        return anchors[0]


def _retinanet(pyramid: Pyramid, generator: AnchorGenerator, design: Design) -> RetinaNet:
    head = RetinaNetHead(design.channels, generator.num_anchors_per_location()[0], design.num_classes)
    # Torchvision's deviation of 0.01 suits 256 channels; with 64, four convolutions leave a thousandth of the signal.
    for part in (head.classification_head.conv, head.regression_head.conv):
        for module in part.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return RetinaNet(pyramid, design.num_classes, anchor_generator=generator, head=head)


def _ssdlite(pyramid: Pyramid, generator: AnchorGenerator, design: Design) -> SSD:
    per_level = generator.num_anchors_per_location()
    head = SSDLiteHead([design.channels] * len(per_level), per_level, design.num_classes + 1, nn.BatchNorm2d)
    height, width = design.image_size
    return SSD(pyramid, generator, (width, height), design.num_classes + 1, head=head)
