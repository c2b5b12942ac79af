"""From the boxes and scores of all anchors to the detections of an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.ops import nms

from tiernas.errors import UsageError

MOST_DETECTIONS = 100
"""Detections of an image, at most: as many as COCO's measure counts."""

_CANDIDATES = 1000
"""Best pairs of box and class that suppression sees (arXiv 1708.02002, section 4, which takes as many per level)."""

_OVERLAP = 0.5
"""Of two boxes of a class with more than this intersection over union, the one with the lower score is suppressed
(arXiv 1708.02002, section 4)."""

_CORNERS = 4


def suppressed(raw: Tensor, far: float) -> Tensor:
    """The detections of one image, by non-maximum suppression within each class, best first.

    Without a threshold on scores, so that every image takes the same operations; whoever shows detections chooses one.

    Args:
        raw: `(anchors, 4 + classes)`: corners of boxes (x1, y1, x2, y2) and scores, as a `Detector` returns them.
        far: More than the height and width of the image; boxes of different classes are compared as if that far apart.

    Returns:
        `(m, 6)` with m at most `MOST_DETECTIONS`: corners, score, class.
    """
    boxes, scores = raw[:, :_CORNERS], raw[:, _CORNERS:]
    classes = scores.shape[1]
    best, places = scores.flatten().topk(min(_CANDIDATES, scores.numel()))
    anchors = torch.div(places, classes, rounding_mode="floor")
    labels = (places - anchors * classes).to(raw.dtype)
    chosen = boxes[anchors]
    kept = nms(chosen + labels[:, None] * far, best, _OVERLAP)[:MOST_DETECTIONS]
    return torch.cat((chosen, best[:, None], labels[:, None]), dim=1)[kept]


class Suppressing(nn.Module):
    """A detector of one image whose output is its detections, `(m, 6)`; see `suppressed`.

    Args:
        detector: Returns `(1, anchors, 4 + classes)`.
        image_size: Height and width of the images, in pixels.
    """

    def __init__(self, detector: nn.Module, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.detector = detector
        self._far = float(max(image_size) + 1)

    def forward(self, images: Tensor) -> Tensor:
        return suppressed(self.detector(images)[0], self._far)


def require_one_image(batch: int) -> None:
    """Refuses batches: suppression returns another number of boxes for each image.

    Raises:
        UsageError: There is more than one image per inference.
    """
    if batch != 1:
        raise UsageError(f"engine.batch = {batch}: with non-maximum suppression a detector runs one image; write 1")
