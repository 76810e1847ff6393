"""L1: filters with small weights are unimportant. Li et al. (2017), "Pruning Filters for Efficient ConvNets"."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.scoring_images import ScoringImages


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: ScoringImages) -> dict[str, Tensor]:
    """Score each filter by its L1 norm, the sum of |w| over its weights.

    Args:
        network: the network before the round.
        groups: the convolutions.
        sample: not used.

    Returns:
        Scores, float64 (n_filters,), by convolution.
    """
    return {group.convolution: _norms(module_at(network.body, group.convolution, nn.Conv2d)) for group in groups}


def score_blocks(network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
    """Score each block by the mean L1 norm of the filters of all its convolutions.

    This definition is our own: the paper's code has none for layers.

    Args:
        network: the network before the round.
        blocks: the blocks.
        sample: not used.

    Returns:
        Scores, float64 (), by block name.
    """
    return {block.name: _mean_norm(network.body.get_submodule(block.name)) for block in blocks}


def _norms(convolution: nn.Conv2d) -> Tensor:
    """Return the L1 norm of each filter, float64 (n_filters,)."""
    return convolution.weight.detach().cpu().double().abs().sum(dim=(1, 2, 3))


def _mean_norm(block: nn.Module) -> Tensor:
    """Return the mean L1 norm of all filters of a block, float64 ()."""
    convolutions = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
    return torch.cat([_norms(convolution) for convolution in convolutions]).mean()
