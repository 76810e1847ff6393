"""Diagnosis of why a network cannot be scored, where libraries only raise exceptions or return non-finite scores."""

import torch

from prunesweep.workers.architectures.network import Network, evaluating
from prunesweep.workers.pruning.scoring_images import ScoringImages


def diagnose_scoring_failure(network: Network, sample: ScoringImages) -> str | None:
    """Return what is wrong with a network or with its scoring images, or None if nothing is found.

    Args:
        network: the network before the round.
        sample: the scoring images.
    """
    if not all(parameter.isfinite().all() for parameter in network.parameters()):
        return "parameters of the network before this round are not finite"
    with evaluating(network):
        logits = torch.cat([network(images) for images in sample.batches()])
    if not logits.isfinite().all():
        return "activations of the network before this round are not finite; its training may have diverged"
    if len(sample.labels.unique()) == 1:
        return (
            f"all {len(sample.labels)} training images used for scoring are of one class; raise pruning.scoring_images"
        )
    if (logits == logits[0]).all():
        return "the network before this round gives all images the same logits, so its structures cannot be compared"
    return None
