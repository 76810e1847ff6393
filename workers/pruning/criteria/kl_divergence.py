"""KL-divergence: what the predictions do not miss matters little.

Luo and Wu (2020), "Neural Network Pruning with Residual-Connections and Limited-Data" (CURL). Each structure
is silenced alone, and the score is the mean over the images of KL(masked ‖ original) = Σ p_m (ln p_m − ln
p_o), in nats, where p_m and p_o are the softmax of the masked and of the original network's logits.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.folding import folded
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.scoring_images import ScoringImages
from prunesweep.workers.pruning.silenced_logits import Silencing, block_silencing, filter_silencings, logits_of_each


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: ScoringImages) -> dict[str, Tensor]:
    """The divergence when one filter is silent: float64 (n_filters,), at least 0, by convolution."""
    of_group = [filter_silencings(network, group) for group in groups]
    widths = [len(silencings) for silencings in of_group]
    scores = _divergences(network, [one for silencings in of_group for one in silencings], sample).split(widths)
    return {group.convolution: score for group, score in zip(groups, scores, strict=True)}


def score_blocks(network: Network, blocks: Sequence[Block], sample: ScoringImages) -> dict[str, Tensor]:
    """The divergence when one block is silent: float64 (), at least 0, by block."""
    scores = _divergences(network, [block_silencing(block) for block in blocks], sample)
    return {block.name: score for block, score in zip(blocks, scores, strict=True)}


def _divergences(network: Network, silencings: Sequence[Silencing], sample: ScoringImages) -> Tensor:
    """The mean divergence of each silencing: float64 (n_silencings,) on the CPU."""
    sums = torch.zeros(len(silencings), dtype=torch.float64, device=sample.images.device)
    network = folded(network)
    with torch.no_grad():
        for images in sample.batches():
            original = network(images)
            for numbers, masked in logits_of_each(network, silencings, images):
                sums[numbers] += _divergence(masked, original).sum(1)
    return sums.cpu() / len(sample.images)


def _divergence(masked: Tensor, original: Tensor) -> Tensor:
    """KL(masked ‖ original) of each image: logits (…, n, classes) and (n, classes) to (…, n)."""
    log_masked = masked.double().log_softmax(dim=-1)
    log_original = original.double().log_softmax(dim=-1)
    return (log_masked.exp() * (log_masked - log_original)).sum(dim=-1)
