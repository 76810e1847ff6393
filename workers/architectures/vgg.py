"""VGG16 (Simonyan and Zisserman, 2015, configuration D) for small images, with batch norm.

The three dense layers are one linear classifier, as is customary on CIFAR; parameters are named as in Kuang
Liu's pytorch-cifar.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from prunesweep.workers.architectures.architecture import Architecture, Block, FilterGroup, Segment
from prunesweep.workers.architectures.modules import module_at

VGG_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VggBody(nn.Module):
    """Convolutions with five poolings between, a global average and a linear classifier."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width = 3
        for widths in VGG_WIDTHS:
            for after in widths:
                layers += [nn.Conv2d(width, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
                width = after
            layers.append(nn.MaxPool2d(2))
        # An image of 16 pixels is down to one here; rounding up lets that one pass.
        layers[-1] = nn.MaxPool2d(2, ceil_mode=True)
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.flatten(self.pool(self.features(images))))
        return logits


@dataclass(frozen=True)
class Vgg16(Architecture):
    """Thirteen convolutions and a classifier, without residual blocks: only filters can go."""

    def build(self, classes: int) -> nn.Module:
        return VggBody(classes)

    def stages(self) -> Mapping[str, tuple[str, ...]]:
        return {}

    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """Every convolution but the last, as in the paper's code."""
        features = module_at(body, "features", nn.Sequential)
        convolutions = [i for i, layer in enumerate(features) if isinstance(layer, nn.Conv2d)]
        return [FilterGroup(f"features.{i}", (f"features.{i + 1}",), f"features.{i + 2}") for i in convolutions[:-1]]

    def removable_blocks(self, body: nn.Module) -> list[Block]:
        return []

    def segments(self, body: nn.Module) -> list[Segment]:
        features = [f"features.{name}" for name, _ in body.get_submodule("features").named_children()]
        return [(name, body.get_submodule(name)) for name in (*features, "pool", "flatten", "classifier")]


vgg16 = Vgg16()
