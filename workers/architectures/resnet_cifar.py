"""The CIFAR ResNets of He et al. (2016), "Deep Residual Learning for Image Recognition", section 4.2.

Shortcuts are parameter-free (option A), and parameters are named as in Idelbayev's pytorch_resnet_cifar10, so
that its weights files load.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from prunesweep.sweeps.removable import LEAST_BLOCKS
from prunesweep.workers.architectures.architecture import Architecture, Block, FilterGroup, Segment

STEM_WIDTH = 16
STAGE_WIDTHS = {"layer1": 16, "layer2": 32, "layer3": 64}


class SubsamplingShortcut(nn.Module):
    """Option A: every second pixel, and zeros for the channels that the input lacks, half on either side."""

    def __init__(self, new_channels: int) -> None:
        super().__init__()
        self.padding = new_channels // 2

    def forward(self, features: Tensor) -> Tensor:
        return functional.pad(features[:, :, ::2, ::2], (0, 0, 0, 0, self.padding, self.padding))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut; ``widens`` halves the resolution and changes the width."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        widens = channels != channels_in
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=2 if widens else 1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = SubsamplingShortcut(channels - channels_in) if widens else nn.Identity()
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        residual: Tensor = self.relu1(self.bn1(self.conv1(features)))
        residual = self.bn2(self.conv2(residual))
        merged: Tensor = self.relu2(residual.add_(self.shortcut(features)))
        return merged


class ResNetBody(nn.Module):
    """A stem, three stages of ``blocks`` blocks each, global average pooling and a linear classifier."""

    def __init__(self, blocks: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM_WIDTH, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM_WIDTH)
        self.relu = nn.ReLU(inplace=True)
        narrow, middle, wide = STAGE_WIDTHS.values()
        self.layer1 = _stage(STEM_WIDTH, narrow, blocks)
        self.layer2 = _stage(narrow, middle, blocks)
        self.layer3 = _stage(middle, wide, blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(wide, classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu(self.bn1(self.conv1(images)))
        features = self.layer3(self.layer2(self.layer1(features)))
        logits: Tensor = self.linear(self.flatten(self.pool(features)))
        return logits


def _stage(channels_in: int, channels: int, blocks: int) -> nn.Sequential:
    widths = [channels_in] + [channels] * blocks
    return nn.Sequential(*(BasicBlock(before, after) for before, after in pairwise(widths)))


@dataclass(frozen=True)
class ResNetCifar(Architecture):
    """ResNet with 6n + 2 layers: three stages of n blocks. ``blocks`` is n."""

    blocks: int

    def build(self, classes: int) -> nn.Module:
        return ResNetBody(self.blocks, classes)

    def stages(self) -> Mapping[str, tuple[str, ...]]:
        return {stage: tuple(f"{stage}.{i}" for i in range(self.blocks)) for stage in STAGE_WIDTHS}

    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """The first convolution of each block: the second one's channels are tied by the shortcuts."""
        return [
            FilterGroup(f"{name}.conv1", (f"{name}.bn1",), f"{name}.relu1")
            for names in self.remaining_blocks(body).values()
            for name in names
        ]

    def removable_blocks(self, body: nn.Module) -> list[Block]:
        """All blocks but each stage's first, as in the paper's code, though layer1.0 keeps the shape too."""
        return [
            Block(name, stage, f"{name}.bn2", len(names))
            for stage, names in self.remaining_blocks(body).items()
            if len(names) > LEAST_BLOCKS
            for name in names[1:]
        ]

    def segments(self, body: nn.Module) -> list[Segment]:
        blocks = [name for names in self.remaining_blocks(body).values() for name in names]
        names = ["conv1", "bn1", "relu", *blocks, "pool", "flatten", "linear"]
        return [(name, body.get_submodule(name)) for name in names]


resnet20 = ResNetCifar(blocks=3)
resnet32 = ResNetCifar(blocks=5)
resnet44 = ResNetCifar(blocks=7)
resnet56 = ResNetCifar(blocks=9)
resnet110 = ResNetCifar(blocks=18)
