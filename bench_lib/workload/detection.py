"""Torchvision's detection networks, of which the part is measured that computes: backbone and head.

A detection network also resizes and normalizes its images before, and chooses boxes after. How many boxes it chooses
depends on the image and, where scores are close, on rounding: such answers cannot be compared. So the network here
takes images as they are and answers what the head computes for all boxes. Networks of two stages, such as Faster
R-CNN, choose boxes in the middle of the computation; they are not among these.
"""

from typing import Any

import torch
from torch import nn

TWO_STAGES = ("fasterrcnn", "maskrcnn", "keypointrcnn")  # how the names begin of networks that choose boxes midway


class BackboneAndHead(nn.Module):
    """The backbone and the head of a one-stage detection network of torchvision."""

    def __init__(self, detector: Any) -> None:
        super().__init__()
        self.backbone, self.head = detector.backbone, detector.head

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the head answers, by torchvision's names: `cls_logits`, `bbox_regression`, each `[batch, boxes, …]`."""
        features = self.backbone(images)
        maps = [features] if isinstance(features, torch.Tensor) else list(features.values())
        return self.head(maps)


def one_stage_names() -> list[str]:
    """The names of torchvision's detection networks of one stage: RetinaNet, SSD, FCOS."""
    from torchvision import models

    return [name for name in models.list_models(module=models.detection) if not name.startswith(TWO_STAGES)]


def computing_part(network: nn.Module) -> nn.Module:
    """What is measured of a network of torchvision: all of it, but of a detection network backbone and head."""
    from torchvision.models.detection import fcos, retinanet, ssd

    detectors = (retinanet.RetinaNet, ssd.SSD, fcos.FCOS)
    return BackboneAndHead(network) if isinstance(network, detectors) else network
