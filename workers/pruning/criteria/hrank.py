"""HRank: structures with feature maps of low rank are unimportant.

Lin et al. (2020), "HRank: Filter Pruning using High-Rank Feature Map".
"""

from collections.abc import Sequence

from torch import Tensor

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.matrix_ranks import matrix_ranks
from prunesweep.workers.pruning.observing import mean_over_sample
from prunesweep.workers.pruning.scoring_images import ScoringImages


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: ScoringImages) -> dict[str, Tensor]:
    """Score each filter by the mean rank of its feature map after the following ReLU.

    Args:
        network: the network before the round.
        groups: the convolutions.
        sample: the scoring images.

    Returns:
        Scores, float64 (n_filters,), by convolution.
    """
    ranks = mean_over_sample(network, [group.activation for group in groups], sample, matrix_ranks)
    return {group.convolution: ranks[group.activation] for group in groups}


def score_blocks(network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
    """Score each block by the mean rank of its output feature maps, divided by max(height, width).

    Args:
        network: the network before the round.
        blocks: the blocks.
        sample: the scoring images.

    Returns:
        Scores, float64 () in [0, 1], by block name.
    """
    ranks = mean_over_sample(network, [block.name for block in blocks], sample, _relative_rank)
    return {block.name: ranks[block.name].mean() for block in blocks}


def _relative_rank(output: Tensor) -> Tensor:
    """Return the ranks of the feature maps of an output (n, c, h, w), divided by max(h, w): float32 (n, c)."""
    return matrix_ranks(output) / max(output.shape[-2:])
