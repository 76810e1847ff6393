"""ExpectedABS: structures with a low mean activation are unimportant. Tan and Motani (2020), "DropNet"."""

from collections.abc import Sequence

import torch
from torch import Tensor

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.observing import mean_over_sample
from prunesweep.workers.pruning.scoring_images import ScoringImages


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: ScoringImages) -> dict[str, Tensor]:
    """Score each filter by the mean magnitude of its activations after the ReLU that follows the convolution.

    Args:
        network: the network before the round.
        groups: the convolutions whose filters are scored, one group per convolution.
        sample: the scoring images.

    Returns:
        Scores, float64 (n_filters,), by convolution.
    """
    means = mean_over_sample(network, [group.activation for group in groups], sample, _mean_magnitude)
    return {group.convolution: means[group.activation] for group in groups}


def score_blocks(network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
    """Score each block by the mean |output| of the block, after its shortcut is added.

    ResNet blocks end in a ReLU, so that this is the mean output, as in the paper. The blocks of MobileNetV2 do not end
    in a ReLU, so that their outputs are signed.

    Args:
        network: the network before the round.
        blocks: the blocks.
        sample: the scoring images.

    Returns:
        Scores, float64 (), by block name.
    """
    means = mean_over_sample(network, [block.name for block in blocks], sample, _mean_magnitude)
    return {block.name: means[block.name].mean() for block in blocks}


def _mean_magnitude(output: Tensor) -> Tensor:
    """Return the mean magnitude of each channel, float64 (n, c), of an output (n, c, h, w)."""
    return output.abs().mean(dim=(2, 3), dtype=torch.float64)
