"""ResNet-50 (He et al., 2016, "Deep Residual Learning for Image Recognition", table 1), based on torchvision's.

Parameters are named as in torchvision, so that torchvision's weights and other weights published under these names can
be loaded. As in torchvision ("ResNet V1.5"), it is the 3×3 convolution of a block that halves the resolution, not the
first 1×1 convolution.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import Bottleneck, ResNet

from prunesweep.sweeps.removable import MIN_BLOCKS_PER_STAGE
from prunesweep.workers.architectures.architecture import Architecture, Block, FilterGroup, Segment

STAGE_SIZES = {"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3}


class BottleneckBlock(Bottleneck):
    """torchvision's bottleneck block with three separate ReLU modules, instead of one that is called three times."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take the arguments of torchvision's block.

        Args:
            arguments: positional arguments.
            options: keyword arguments.
        """
        super().__init__(*arguments, **options)
        del self.relu
        self.relu1, self.relu2, self.relu3 = (nn.ReLU(inplace=True) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output for features (N, C, H, W)."""
        residual: Tensor = self.relu1(self.bn1(self.conv1(x)))
        residual = self.relu2(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        merged: Tensor = self.relu3(residual.add_(x if self.downsample is None else self.downsample(x)))
        return merged


@dataclass(frozen=True)
class ResNet50(Architecture):
    """ResNet-50: four stages of bottleneck blocks.

    The filters of the first block of each stage and of the last block of the network are not removable. This means the
    first and last blocks of the baseline: if ``layer4.2`` is removed, the filters of ``layer4.1`` stay removable.
    """

    def build(self, classes: int) -> nn.Module:
        """Return the baseline's body.

        Args:
            classes: number of classes.
        """
        body: nn.Module = ResNet(BottleneckBlock, list(STAGE_SIZES.values()), num_classes=classes)
        return body

    def stages(self) -> Mapping[str, tuple[str, ...]]:
        """Return the paths of the baseline's blocks by stage."""
        return {stage: tuple(f"{stage}.{i}" for i in range(size)) for stage, size in STAGE_SIZES.items()}

    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """Return the first two convolutions of each block whose filters are removable.

        Shortcuts tie the channels of the third convolution to those of other blocks. The first block of each stage and
        the last block of the network are left out, as in the paper's code.

        Args:
            body: a body of this architecture.
        """
        firsts = {names[0] for names in self.stages().values()}
        last = list(self.stages().values())[-1][-1]
        return [
            FilterGroup(f"{name}.conv{i}", (f"{name}.bn{i}",), f"{name}.relu{i}")
            for names in self.remaining_blocks(body).values()
            for name in names
            if name not in firsts and name != last
            for i in (1, 2)
        ]

    def removable_blocks(self, body: nn.Module) -> list[Block]:
        """Return the blocks of each stage with more than two blocks, except the stage's first block.

        The first block changes the shape of the features.

        Args:
            body: a body of this architecture.
        """
        return [
            Block(name, stage, f"{name}.bn3", len(names))
            for stage, names in self.remaining_blocks(body).items()
            if len(names) > MIN_BLOCKS_PER_STAGE
            for name in names[1:]
        ]

    def segments(self, body: nn.Module) -> list[Segment]:
        """Split the forward pass into the stem's modules, the blocks, the pooling and the classifier.

        Args:
            body: a body of this architecture.
        """
        blocks = [name for names in self.remaining_blocks(body).values() for name in names]
        features = [(name, body.get_submodule(name)) for name in ("conv1", "bn1", "relu", "maxpool", *blocks)]
        return [*features, ("pool", _pool), ("fc", body.get_submodule("fc"))]


def _pool(features: Tensor) -> Tensor:
    return functional.adaptive_avg_pool2d(features, 1).flatten(1)


resnet50 = ResNet50()
