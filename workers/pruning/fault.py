"""Why a network cannot be scored: what lies behind the exceptions and the numbers of whatever library scores it."""

import torch

from prunesweep.workers.architectures.network import Network, evaluating
from prunesweep.workers.pruning.scoring_images import ScoringImages


def fault_of(network: Network, sample: ScoringImages) -> str | None:
    """Return what is wrong with a network, or with the images that it is scored on; None where nothing is.

    Args:
        network: before the round.
        sample: the training images that the criterion looked at.
    """
    if not all(parameter.isfinite().all() for parameter in network.parameters()):
        return "parameters of the network before this round are not finite"
    with evaluating(network):
        logits = torch.cat([network(images) for images in sample.batches()])
    if not logits.isfinite().all():
        return "activations of the network before this round are not finite; its training may have diverged"
    if len(sample.labels.unique()) == 1:
        return (
            f"all {len(sample.labels)} training images that it looked at are of one class; raise pruning.scoring_images"
        )
    if (logits == logits[0]).all():
        return "the network before this round gives all images the same logits, so nothing tells its structures apart"
    return None
