"""ResNet-50 (He et al., 2016, "Deep Residual Learning for Image Recognition", table 1): torchvision's.

Parameters are named as in torchvision, so that its weights and those that others publish for it load. As there, the
3×3 convolution of a block halves the resolution and not the first one ("ResNet V1.5").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import Bottleneck, ResNet

from prunesweep.sweeps.removable import LEAST_BLOCKS
from prunesweep.workers.architectures.architecture import Architecture, Block, FilterGroup, Segment

STAGE_SIZES = {"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3}


class BottleneckBlock(Bottleneck):
    """torchvision's, with an activation module of its own at each place: torchvision's one serves three."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        del self.relu
        self.relu1, self.relu2, self.relu3 = (nn.ReLU(inplace=True) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = self.relu1(self.bn1(self.conv1(x)))
        residual = self.relu2(self.bn2(self.conv2(residual)))
        residual = self.bn3(self.conv3(residual))
        merged: Tensor = self.relu3(residual.add_(x if self.downsample is None else self.downsample(x)))
        return merged


@dataclass(frozen=True)
class ResNet50(Architecture):
    """Four stages of bottleneck blocks.

    Which block is a stage's first or the network's last is settled by the baseline's names: when ``layer4.2`` has
    gone, ``layer4.1`` may still lose filters.
    """

    def build(self, classes: int) -> nn.Module:
        body: nn.Module = ResNet(BottleneckBlock, list(STAGE_SIZES.values()), num_classes=classes)
        return body

    def stages(self) -> Mapping[str, tuple[str, ...]]:
        return {stage: tuple(f"{stage}.{i}" for i in range(size)) for stage, size in STAGE_SIZES.items()}

    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """The first two convolutions of each block but each stage's first and the network's last, as in the paper's
        code: the third one's channels are tied by the shortcuts.
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
        """All blocks but each stage's first, which changes the shape."""
        return [
            Block(name, stage, f"{name}.bn3", len(names))
            for stage, names in self.remaining_blocks(body).items()
            if len(names) > LEAST_BLOCKS
            for name in names[1:]
        ]

    def segments(self, body: nn.Module) -> list[Segment]:
        blocks = [name for names in self.remaining_blocks(body).values() for name in names]
        features = [(name, body.get_submodule(name)) for name in ("conv1", "bn1", "relu", "maxpool", *blocks)]
        return [*features, ("pool", _pool), ("fc", body.get_submodule("fc"))]


def _pool(features: Tensor) -> Tensor:
    return functional.adaptive_avg_pool2d(features, 1).flatten(1)


resnet50 = ResNet50()
