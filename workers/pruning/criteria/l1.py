"""L1: small weights matter little. Li et al. (2017), "Pruning Filters for Efficient ConvNets"."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.scoring_images import ScoringImages


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: ScoringImages) -> dict[str, Tensor]:
    """Σ|w| over each filter's weights: float64 (n_filters,) by convolution. The sample is not looked at."""
    return {group.convolution: _norms(module_at(network.body, group.convolution, nn.Conv2d)) for group in groups}


def score_blocks(network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
    """The mean of Σ|w| over all filters of a block's convolutions: float64 () by block.

    This definition is ours: the paper's code has none for layers. The sample is not looked at.
    """
    return {block.name: _mean_norm(network.body.get_submodule(block.name)) for block in blocks}


def _norms(convolution: nn.Conv2d) -> Tensor:
    return convolution.weight.detach().cpu().double().abs().sum(dim=(1, 2, 3))


def _mean_norm(block: nn.Module) -> Tensor:
    convolutions = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
    return torch.cat([_norms(convolution) for convolution in convolutions]).mean()
