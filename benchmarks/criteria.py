"""Criteria that look at what ResNet56 computes: each against its authors' way, filter by filter.

KL divergence: against one full pass without each filter, of the network as PyTorch makes it. HRank: against NumPy's
rank of each map.
"""

import copy
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div

from benchmarks.subjects import CLASSES, random_subject
from benchmarks.timing import Row, faster, show
from prunesweep.workers.architectures.architecture import FilterGroup
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.criteria import hrank, kl_divergence
from prunesweep.workers.pruning.masking import silenced
from prunesweep.workers.pruning.scoring_images import ScoringImages
from prunesweep.workers.pruning.silenced_logits import filter_silencings
from prunesweep.workers.runtime import place

KL_IMAGES = 8  # as few as a sweep may score on, of all 1,008 filters: theirs takes twenty seconds
KL_MORE_IMAGES = 128  # of the filters of each stage's middle block
MIDDLE_OF_STAGES = slice(4, None, 9)
HRANK_IMAGES = 64
ROUNDING = 1e-3  # of a divergence that is computed in another order, relative

Score = Callable[[], Tensor]
"""Scores of all filters in their order."""


def run() -> Iterator[Row]:
    """Both sides score the same filters on the same images.

    HRank's scores have to be equal; KL divergences within 0.1 %, and so their ranking but among those as close.
    """
    yield _kl_divergence(KL_IMAGES, slice(None), rounds=2)
    yield _kl_divergence(KL_MORE_IMAGES, MIDDLE_OF_STAGES, rounds=1)
    yield _hrank()


def _kl_divergence(images: int, blocks: slice, *, rounds: int) -> Row:
    network, sample = _subject(images)
    placed = place(copy.deepcopy(network), torch.device("cpu"))
    ours = _Kept(lambda: _joined(kl_divergence.score_filters(placed, _groups(placed)[blocks], sample)))
    theirs = _Kept(lambda: _by_full_passes(network, _groups(network)[blocks], sample))
    row = faster(f"kl_divergence: {images} images, full passes", ours, theirs, at_least=5.0, rounds=rounds)
    assert torch.allclose(ours.scores, theirs.scores, rtol=ROUNDING), "the two sides disagree"
    ranked = theirs.scores[ours.scores.argsort()]
    assert (ranked[1:] > ranked[:-1] * (1 - ROUNDING)).all(), "the two sides rank differently"
    return row


def _hrank() -> Row:
    network, sample = _subject(HRANK_IMAGES)
    place(network, torch.device("cpu"))  # both look at the same maps, bit for bit
    ours = _Kept(lambda: _joined(hrank.score_filters(network, _groups(network), sample)))
    theirs = _Kept(lambda: _by_numpy(network, sample))
    row = faster(f"hrank: {HRANK_IMAGES} images, numpy", ours, theirs, at_least=3.0, rounds=3)
    assert torch.equal(ours.scores, theirs.scores), "the two sides disagree"
    return row


class _Kept:
    """One side, which keeps the scores that it last made: they are compared without another run."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self.scores = torch.empty(0)

    def __call__(self) -> None:
        self.scores = self._score()


def _by_full_passes(network: Network, groups: list[FilterGroup], sample: ScoringImages) -> Tensor:
    """One full pass a filter, which is silenced in place."""
    images = sample.images.float() / 255
    divergences = []
    with torch.no_grad():
        original = network(images).double().log_softmax(1)
        for group in groups:
            for silencing in filter_silencings(network, group):
                with silenced(network.body, silencing.channels):
                    masked = network(images).double().log_softmax(1)
                divergences.append(kl_div(original, masked, reduction="batchmean", log_target=True))
    return torch.stack(divergences)


def _by_numpy(network: Network, sample: ScoringImages) -> Tensor:
    """One map at a time, in hooks, as HRank's own code does."""
    means: list[float] = []

    def receive(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ranks = [[np.linalg.matrix_rank(one) for one in of_image] for of_image in output.numpy()]
        means.extend(np.mean(ranks, axis=0))

    hooks = [network.body.get_submodule(g.activation).register_forward_hook(receive) for g in _groups(network)]
    with torch.no_grad():
        network(sample.images.float() / 255)
    for hook in hooks:
        hook.remove()
    return torch.tensor(means, dtype=torch.float64)


def _subject(images: int) -> tuple[Network, ScoringImages]:
    network, split = random_subject("resnet56", images)
    return network, ScoringImages(split.read(slice(None)), split.labels, CLASSES, seed=0)


def _groups(network: Network) -> list[FilterGroup]:
    return network.architecture.filter_groups(network.body)


def _joined(scores: dict[str, Tensor]) -> Tensor:
    return torch.cat(list(scores.values()))


if __name__ == "__main__":
    show(run())
