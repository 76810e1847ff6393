"""MobileNetV2 (Sandler et al., 2018) for small images, based on torchvision's.

Parameters are named as in torchvision. The original halves the resolution in the stem and in the second stage; this
version does not. As usual on CIFAR, images of 32×32 pixels are thus reduced to 4×4.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import MobileNetV2

from prunesweep.sweeps.removable import MIN_BLOCKS_PER_STAGE
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
    """MobileNetV2 with width multiplier 1.

    The block of the first stage has no expansion layer, so none of its filters is removable.
    """

    def build(self, classes: int) -> nn.Module:
        """Return the baseline's body, which has no dropout, as is usual on CIFAR.

        Args:
            classes: number of classes.
        """
        settings = [list(stage) for stage in STAGES]
        body: nn.Module = MobileNetV2(num_classes=classes, inverted_residual_setting=settings, dropout=0.0)
        module_at(body, "features.0.0", nn.Conv2d).stride = (1, 1)
        return body

    def stages(self) -> Mapping[str, tuple[str, ...]]:
        """Return the paths of the baseline's blocks by stage."""
        stages, first = {}, 1
        for number, (_, _, blocks, _) in enumerate(STAGES, start=1):
            stages[f"stage{number}"] = tuple(f"features.{i}" for i in range(first, first + blocks))
            first += blocks
        return stages

    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """Return the expansion convolution of each block outside the first stage.

        The depthwise convolution after it has the same channels, so a filter also has a channel in the second norm.

        Args:
            body: a body of this architecture.
        """
        expanding = [names for stage, names in self.remaining_blocks(body).items() if stage != "stage1"]
        return [
            FilterGroup(f"{name}.conv.0.0", (f"{name}.conv.0.1", f"{name}.conv.1.1"), f"{name}.conv.0.2")
            for names in expanding
            for name in names
        ]

    def removable_blocks(self, body: nn.Module) -> list[Block]:
        """Return the blocks of each stage with more than two blocks, except the stage's first and last block.

        The first block changes the shape of the features. The last block is left out as in the paper's code.

        Args:
            body: a body of this architecture.
        """
        return [
            Block(name, stage, f"{name}.conv.3", len(names))
            for stage, names in self.remaining_blocks(body).items()
            if len(names) > MIN_BLOCKS_PER_STAGE
            for name in names[1:-1]
        ]

    def segments(self, body: nn.Module) -> list[Segment]:
        """Split the forward pass into the blocks, the pooling and the classifier.

        Args:
            body: a body of this architecture.
        """
        children = body.get_submodule("features").named_children()
        features = [(f"features.{name}", module) for name, module in children]
        return [*features, ("pool", _pool), ("classifier", body.get_submodule("classifier"))]


def _pool(features: Tensor) -> Tensor:
    return functional.adaptive_avg_pool2d(features, 1).flatten(1)


mobilenet_v2 = MobileNetV2Cifar()
