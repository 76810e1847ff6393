"""KL divergence: structures whose absence changes the predictions little are unimportant.

Luo and Wu (2020), "Neural Network Pruning with Residual-Connections and Limited-Data" (CURL). Each structure is
silenced alone. Its score is the mean over the images of KL(masked ‖ original) = Σ p_m (ln p_m − ln p_o), in nats, where
p_m and p_o are the softmax of the logits of the masked and of the original network.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.folding import fold_batch_norms
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.scoring_images import ScoringImages
from prunesweep.workers.pruning.silenced_logits import StructureMask, block_mask, compute_masked_logits, filter_masks


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: ScoringImages) -> dict[str, Tensor]:
    """Score each filter by the KL divergence between the predictions with the filter silenced and the original ones.

    Args:
        network: the network before the round.
        groups: the convolutions.
        sample: the scoring images.

    Returns:
        Scores, float64 (n_filters,), at least 0, by convolution.
    """
    masks_by_group = [filter_masks(network, group) for group in groups]
    widths = [len(masks) for masks in masks_by_group]
    scores = _mean_divergences(network, [mask for masks in masks_by_group for mask in masks], sample).split(widths)
    return {group.convolution: score for group, score in zip(groups, scores, strict=True)}


def score_blocks(network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
    """Score each block by the KL divergence between the predictions with the block silenced and the original ones.

    Args:
        network: the network before the round.
        blocks: the blocks.
        sample: the scoring images.

    Returns:
        Scores, float64 (), at least 0, by block name.
    """
    scores = _mean_divergences(network, [block_mask(block) for block in blocks], sample)
    return {block.name: score for block, score in zip(blocks, scores, strict=True)}


def _mean_divergences(network: Network, masks: Sequence[StructureMask], sample: ScoringImages) -> Tensor:
    """Return the mean KL divergence over the scoring images for each mask, float64 (n_masks,) on the CPU."""
    sums = torch.zeros(len(masks), dtype=torch.float64, device=sample.images.device)
    network = fold_batch_norms(network)
    with torch.no_grad():
        for images in sample.batches():
            original = network(images)
            for indices, masked in compute_masked_logits(network, masks, images):
                sums[indices] += _kl_divergence(masked, original).sum(1)
    return sums.cpu() / len(sample.images)


def _kl_divergence(masked: Tensor, original: Tensor) -> Tensor:
    """Return KL(masked ‖ original) for each image, in nats.

    Args:
        masked: logits of masked networks (…, n, classes).
        original: logits of the original network (n, classes).

    Returns:
        float64 (…, n).
    """
    log_masked = masked.double().log_softmax(dim=-1)
    log_original = original.double().log_softmax(dim=-1)
    return (log_masked.exp() * (log_masked - log_original)).sum(dim=-1)
