"""Evaluation of attacks that search for adversarial images, over all test images of a subject."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.sweeps.attacks import EpsilonSettings
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject

Search = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""A search for adversarial images.

It takes images (N, 3, H, W), their labels (N,) and their indices in the test set (N,). It returns adversarial images
and a mask, bool (N,), of those that fool the network.
"""


def correct_under_searches(subject: Subject, searches: Sequence[Search]) -> list[NDArray[np.bool_]]:
    """Return, for each search, a mask of the test images that remain correctly classified, bool (images,).

    A batch of images is read once for all searches.

    Args:
        subject: the network and the test images.
        searches: the searches, for example one for each ε of an attack.
    """
    fooled_by_search: list[list[Tensor]] = [[] for _ in searches]
    for batch in subject.batches():
        images, labels = subject.pixels(batch), subject.labels[batch]
        indices = torch.arange(batch.start, batch.start + len(labels))
        for search, fooled in zip(searches, fooled_by_search, strict=True):
            fooled.append(search(images, labels, indices)[1])
    return [(~torch.cat(fooled)).cpu().numpy() for fooled in fooled_by_search]


def evaluate_epsilons(
    attack: str, subject: Subject, settings: EpsilonSettings, search_at: Callable[[float], Search]
) -> Evaluation:
    """Evaluate the network under an attack within each ε of its settings.

    Args:
        attack: the name of the attack.
        subject: the network and the test images.
        settings: the attack's settings: each ε, and the headline (the ε that enters robustness).
        search_at: returns the search within the ball of radius ε.
    """
    correct = correct_under_searches(subject, [search_at(epsilon) for epsilon in settings.epsilons])
    outcomes = zip(settings.epsilons, correct, strict=True)
    return Evaluation(tuple(Outcome(attack, epsilon, flags) for epsilon, flags in outcomes), settings.headline)
