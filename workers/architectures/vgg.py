"""VGG16 (Simonyan and Zisserman, 2015, configuration D) for small images, with batch norm.

As usual on CIFAR, one linear classifier replaces the three fully connected layers. Parameters are named as in Kuang
Liu's pytorch-cifar.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from prunesweep.workers.architectures.architecture import Architecture, Block, FilterGroup, Segment
from prunesweep.workers.architectures.modules import module_at

VGG_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VggBody(nn.Module):
    """The body of VGG16: convolutions with five max poolings, global average pooling and a linear classifier."""

    def __init__(self, classes: int) -> None:
        """Create the layers.

        Args:
            classes: number of classes.
        """
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for widths in VGG_WIDTHS:
            for channels in widths:
                layers += [nn.Conv2d(width, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
                width = channels
            layers.append(nn.MaxPool2d(2))
        # An image of 16 pixels is reduced to one pixel before this pooling; rounding up preserves that pixel.
        layers[-1] = nn.MaxPool2d(2, ceil_mode=True)
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N, classes) of normalised images (N, 3, H, W)."""
        logits: Tensor = self.classifier(self.flatten(self.pool(self.features(images))))
        return logits


@dataclass(frozen=True)
class Vgg16(Architecture):
    """VGG16, which consists of thirteen convolutions and a classifier.

    Only filters are removable, because there are no residual blocks.
    """

    def build(self, classes: int) -> nn.Module:
        """Return the baseline's body.

        Args:
            classes: number of classes.
        """
        return VggBody(classes)

    def stages(self) -> Mapping[str, tuple[str, ...]]:
        """Return no stages, because there are no residual blocks."""
        return {}

    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """Return all convolutions except the last, as in the paper's code.

        Args:
            body: a body of this architecture.
        """
        features = module_at(body, "features", nn.Sequential)
        convolutions = [i for i, layer in enumerate(features) if isinstance(layer, nn.Conv2d)]
        return [FilterGroup(f"features.{i}", (f"features.{i + 1}",), f"features.{i + 2}") for i in convolutions[:-1]]

    def removable_blocks(self, body: nn.Module) -> list[Block]:
        """Return no blocks, because there are no residual blocks."""
        return []

    def segments(self, body: nn.Module) -> list[Segment]:
        """Split the forward pass into the layers.

        Args:
            body: a body of this architecture.
        """
        features = [f"features.{name}" for name, _ in body.get_submodule("features").named_children()]
        return [(name, body.get_submodule(name)) for name in (*features, "pool", "flatten", "classifier")]


vgg16 = Vgg16()
