"""Attacks that search for a worst case of each image, run over a subject."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.sweeps.attacks import EpsilonSettings
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject

# Images (N, 3, H, W), labels (N,) and the images' indices in the test set (N,) to adversarial images and which fool.
Search = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def survivors(subject: Subject, searches: Sequence[Search]) -> list[NDArray[np.bool_]]:
    """Which test images each search leaves correctly classified, bool (images,). A batch is read once for all."""
    fooled: list[list[Tensor]] = [[] for _ in searches]
    for batch in subject.batches():
        images, labels = subject.pixels(batch), subject.labels[batch]
        indices = torch.arange(batch.start, batch.start + len(labels))
        for search, so_far in zip(searches, fooled, strict=True):
            so_far.append(search(images, labels, indices)[1])
    return [(~torch.cat(parts)).cpu().numpy() for parts in fooled]


def evaluation(
    attack: str, subject: Subject, settings: EpsilonSettings, search_at: Callable[[float], Search]
) -> Evaluation:
    """The attack's accuracy at each ε of its settings; ``search_at`` gives the search within the ball of an ε."""
    correct = survivors(subject, [search_at(epsilon) for epsilon in settings.epsilons])
    outcomes = zip(settings.epsilons, correct, strict=True)
    return Evaluation(tuple(Outcome(attack, epsilon, right) for epsilon, right in outcomes), settings.headline)
