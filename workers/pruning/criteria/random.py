"""Random scores, with which the scores of all other criteria can be compared."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.scoring_images import ScoringImages
from prunesweep.workers.random_streams import stream


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: ScoringImages) -> dict[str, Tensor]:
    """Draw scores uniformly in [0, 1), determined by the seed and the name of the convolution.

    Args:
        network: the network before the round.
        groups: the convolutions.
        sample: the scoring images, of which only the seed is used.

    Returns:
        Scores, float64 (n_filters,), by convolution.
    """
    return {
        group.convolution: _draw(
            sample.seed, group.convolution, module_at(network.body, group.convolution, nn.Conv2d).out_channels
        )
        for group in groups
    }


def score_blocks(network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
    """Draw scores uniformly in [0, 1), determined by the seed and the name of the block.

    Args:
        network: the network before the round.
        blocks: the blocks.
        sample: the scoring images, of which only the seed is used.

    Returns:
        Scores, float64 (), by block name.
    """
    return {block.name: _draw(sample.seed, block.name, 1)[0] for block in blocks}


def _draw(seed: int, name: str, count: int) -> Tensor:
    return torch.rand(count, generator=stream(seed, name), dtype=torch.float64)
