"""MobileNetV2 (Sandler et al., 2018) for small images: torchvision's, with fewer halvings of the resolution.

Parameters are named as in torchvision. Of the six places where the original halves the resolution, the stem
and the second stage do not here, as is customary on CIFAR, so that 32 pixels end as 4.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import MobileNetV2

from prunesweep.sweeps.removable import LEAST_BLOCKS
from prunesweep.workers.architectures.architecture import Architecture, Block, FilterGroup, Segment
from prunesweep.workers.architectures.modules import module_at

STAGES = (
    # expansion, channels, blocks, first stride
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


@dataclass(frozen=True)
class MobileNetV2Cifar(Architecture):
    """The one of width 1. Its first stage's block does not expand, so its filters stay."""

    def build(self, classes: int) -> nn.Module:
        """Without dropout, which the customary CIFAR version does not have either."""
        settings = [list(stage) for stage in STAGES]
        body: nn.Module = MobileNetV2(num_classes=classes, inverted_residual_setting=settings, dropout=0.0)
        module_at(body, "features.0.0", nn.Conv2d).stride = (1, 1)
        return body

    def stages(self) -> Mapping[str, tuple[str, ...]]:
        stages, position = {}, 1
        for number, (_, _, blocks, _) in enumerate(STAGES, start=1):
            stages[f"stage{number}"] = tuple(f"features.{i}" for i in range(position, position + blocks))
            position += blocks
        return stages

    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """The expand convolutions: each one's channels go on through its block's depthwise convolution."""
        expanding = [names for stage, names in self.remaining_blocks(body).items() if stage != "stage1"]
        return [
            FilterGroup(f"{name}.conv.0.0", (f"{name}.conv.0.1", f"{name}.conv.1.1"), f"{name}.conv.0.2")
            for names in expanding
            for name in names
        ]

    def removable_blocks(self, body: nn.Module) -> list[Block]:
        """All blocks but each stage's first, which changes the shape, and last, as in the paper's code."""
        return [
            Block(name, stage, f"{name}.conv.3", len(names))
            for stage, names in self.remaining_blocks(body).items()
            if len(names) > LEAST_BLOCKS
            for name in names[1:-1]
        ]

    def segments(self, body: nn.Module) -> list[Segment]:
        features = body.get_submodule("features").named_children()
        stretches = [(f"features.{name}", module) for name, module in features]
        return [*stretches, ("pool", _pool), ("classifier", body.get_submodule("classifier"))]


def _pool(features: Tensor) -> Tensor:
    return functional.adaptive_avg_pool2d(features, 1).flatten(1)


mobilenet_v2 = MobileNetV2Cifar()
