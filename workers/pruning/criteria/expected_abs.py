"""ExpectedABS: what is seldom active matters little. Tan and Motani (2020), "DropNet"."""

from collections.abc import Sequence

import torch
from torch import Tensor

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.observing import mean_over_sample
from prunesweep.workers.pruning.scoring_images import ScoringImages


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: ScoringImages) -> dict[str, Tensor]:
    """Each filter's mean |activation| after the ReLU that follows: float64 (n_filters,) by convolution."""
    means = mean_over_sample(network, [group.activation for group in groups], sample, _mean_magnitude)
    return {group.convolution: means[group.activation] for group in groups}


def score_blocks(network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
    """Each block's mean |output|, shortcut included: float64 () by block.

    ResNet blocks end in a ReLU, so there this is the paper's mean of the output; MobileNetV2's outputs are
    signed.
    """
    means = mean_over_sample(network, [block.name for block in blocks], sample, _mean_magnitude)
    return {block.name: means[block.name].mean() for block in blocks}


def _mean_magnitude(output: Tensor) -> Tensor:
    return output.abs().mean(dim=(2, 3), dtype=torch.float64)
