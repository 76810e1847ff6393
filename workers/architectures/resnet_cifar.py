"""The CIFAR ResNets of He et al. (2016), "Deep Residual Learning for Image Recognition", section 4.2.

Shortcuts have no parameters (option A). Parameters are named as in Idelbayev's pytorch_resnet_cifar10, so that the
weights files of that repository can be loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

from prunesweep.sweeps.removable import MIN_BLOCKS_PER_STAGE
from prunesweep.workers.architectures.architecture import Architecture, Block, FilterGroup, Segment

STEM_WIDTH = 16
STAGE_WIDTHS = {"layer1": 16, "layer2": 32, "layer3": 64}


class SubsamplingShortcut(nn.Module):
    """A shortcut without parameters (option A), which takes every second pixel and adds channels of zeros.

    Half of the added channels come before the channels of the input, the other half after them.
    """

    def __init__(self, new_channels: int) -> None:
        """Set the number of added channels.

        Args:
            new_channels: number of channels of the output minus those of the input.
        """
        super().__init__()
        self.padding = new_channels // 2

    def forward(self, features: Tensor) -> Tensor:
        """Return features (N, C + new_channels, H / 2, W / 2) for features (N, C, H, W)."""
        return functional.pad(features[:, :, ::2, ::2], (0, 0, 0, 0, self.padding, self.padding))


class BasicBlock(nn.Module):
    """A residual block of two 3×3 convolutions, which halves the resolution if it changes the number of channels."""

    def __init__(self, channels_in: int, channels: int) -> None:
        """Create the layers.

        Args:
            channels_in: number of channels of the input.
            channels: number of channels of the output.
        """
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
        """Return the block's output for features (N, C, H, W)."""
        residual: Tensor = self.relu1(self.bn1(self.conv1(features)))
        residual = self.bn2(self.conv2(residual))
        merged: Tensor = self.relu2(residual.add_(self.shortcut(features)))
        return merged


class ResNetBody(nn.Module):
    """The body of a CIFAR ResNet: a stem, three stages of blocks, global average pooling and a linear classifier."""

    def __init__(self, blocks: int, classes: int) -> None:
        """Create the layers.

        Args:
            blocks: number of blocks of each stage.
            classes: number of classes.
        """
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
        """Return the logits (N, classes) of normalised images (N, 3, H, W)."""
        features = self.relu(self.bn1(self.conv1(images)))
        features = self.layer3(self.layer2(self.layer1(features)))
        logits: Tensor = self.linear(self.flatten(self.pool(features)))
        return logits


def _stage(channels_in: int, channels: int, blocks: int) -> nn.Sequential:
    widths = [channels_in] + [channels] * blocks
    return nn.Sequential(*(BasicBlock(channels_in, channels_out) for channels_in, channels_out in pairwise(widths)))


@dataclass(frozen=True)
class ResNetCifar(Architecture):
    """A CIFAR ResNet with 6n + 2 layers: three stages of n blocks.

    Attributes:
        blocks: number of blocks per stage, n.
    """

    blocks: int

    def build(self, classes: int) -> nn.Module:
        """Return the baseline's body.

        Args:
            classes: number of classes.
        """
        return ResNetBody(self.blocks, classes)

    def stages(self) -> Mapping[str, tuple[str, ...]]:
        """Return the paths of the baseline's blocks by stage."""
        return {stage: tuple(f"{stage}.{i}" for i in range(self.blocks)) for stage in STAGE_WIDTHS}

    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """Return the first convolution of each block.

        Shortcuts tie the channels of the second convolution to those of other blocks.

        Args:
            body: a body of this architecture.
        """
        return [
            FilterGroup(f"{name}.conv1", (f"{name}.bn1",), f"{name}.relu1")
            for names in self.remaining_blocks(body).values()
            for name in names
        ]

    def removable_blocks(self, body: nn.Module) -> list[Block]:
        """Return the blocks of each stage with more than two blocks, except the stage's first block.

        As in the paper's code, ``layer1.0`` is left out, too, although it preserves the shape of its input.

        Args:
            body: a body of this architecture.
        """
        return [
            Block(name, stage, f"{name}.bn2", len(names))
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
        names = ["conv1", "bn1", "relu", *blocks, "pool", "flatten", "linear"]
        return [(name, body.get_submodule(name)) for name in names]


resnet20 = ResNetCifar(blocks=3)
resnet32 = ResNetCifar(blocks=5)
resnet44 = ResNetCifar(blocks=7)
resnet56 = ResNetCifar(blocks=9)
resnet110 = ResNetCifar(blocks=18)
