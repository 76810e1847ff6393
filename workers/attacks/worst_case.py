"""Running an attack that searches for adversarial images over all test images of a subject."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.sweeps.attacks import EpsilonSettings
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject

Search = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""From images (N, 3, H, W), labels (N,) and indices in the test set (N,) to adversarial images and which fool, (N,)."""


def correct_under_searches(subject: Subject, searches: Sequence[Search]) -> list[NDArray[np.bool_]]:
    """Return which test images remain correctly classified under each search, bool (images,) each.

    A batch of images is read once for all searches.
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
        settings: the ε and the headline.
        search_at: returns the search within the ball of a given ε.
    """
    correct = correct_under_searches(subject, [search_at(epsilon) for epsilon in settings.epsilons])
    outcomes = zip(settings.epsilons, correct, strict=True)
    return Evaluation(tuple(Outcome(attack, epsilon, flags) for epsilon, flags in outcomes), settings.headline)
