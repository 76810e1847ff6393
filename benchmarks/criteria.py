"""The criteria KL divergence and HRank on ResNet56, compared with the methods of their authors, filter by filter.

KL divergence is compared with one full pass per filter, without that filter, of an ordinary PyTorch network. HRank is
compared with NumPy's rank of each feature map.
"""

import copy
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import kl_div

from benchmarks.subjects import CLASSES, random_subject
from benchmarks.timing import Row, measure_speedup, print_rows
from prunesweep.workers.architectures.architecture import FilterGroup
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.criteria import hrank, kl_divergence
from prunesweep.workers.pruning.masking import silenced
from prunesweep.workers.pruning.scoring_images import ScoringImages
from prunesweep.workers.pruning.silenced_logits import filter_masks
from prunesweep.workers.runtime import move_to_device

KL_IMAGES = 8  # for all 1,008 filters: the fewest that a sweep may score on, because their side takes 20 seconds
KL_MORE_IMAGES = 128  # for the filters of the middle block of each stage
MIDDLE_OF_STAGES = slice(4, None, 9)
HRANK_IMAGES = 64
ROUNDING = 1e-3  # relative error of a divergence that is computed in another order

Score = Callable[[], Tensor]
"""Returns the scores of all filters in their order, float (filters,)."""


def run() -> Iterator[Row]:
    """Yield two rows on KL divergence and one on HRank.

    Both sides score the same filters on the same images. The scores of HRank must be equal. KL divergences may differ
    by 0.1 %, and their ranking only among filters whose divergences are that close.
    """
    yield _kl_divergence(KL_IMAGES, slice(None), rounds=2)
    yield _kl_divergence(KL_MORE_IMAGES, MIDDLE_OF_STAGES, rounds=1)
    yield _hrank()


def _kl_divergence(images: int, blocks: slice, *, rounds: int) -> Row:
    network, sample = _network_and_images(images)
    network_on_cpu = move_to_device(copy.deepcopy(network), torch.device("cpu"))
    ours = _RecordedScores(
        lambda: _concatenated(kl_divergence.score_filters(network_on_cpu, _groups(network_on_cpu)[blocks], sample))
    )
    theirs = _RecordedScores(lambda: _scores_by_full_passes(network, _groups(network)[blocks], sample))
    row = measure_speedup(f"kl_divergence: {images} images, full passes", ours, theirs, at_least=5.0, rounds=rounds)
    assert torch.allclose(ours.scores, theirs.scores, rtol=ROUNDING), "the two sides disagree"
    in_our_order = theirs.scores[ours.scores.argsort()]
    assert (in_our_order[1:] > in_our_order[:-1] * (1 - ROUNDING)).all(), "the two sides rank differently"
    return row


def _hrank() -> Row:
    network, sample = _network_and_images(HRANK_IMAGES)
    move_to_device(network, torch.device("cpu"))  # both sides get the same feature maps, bit for bit
    ours = _RecordedScores(lambda: _concatenated(hrank.score_filters(network, _groups(network), sample)))
    theirs = _RecordedScores(lambda: _scores_by_numpy(network, sample))
    row = measure_speedup(f"hrank: {HRANK_IMAGES} images, numpy", ours, theirs, at_least=3.0, rounds=3)
    assert torch.equal(ours.scores, theirs.scores), "the two sides disagree"
    return row


class _RecordedScores:
    """A callable that computes scores and records the latest ones, so that both sides are compared without a rerun."""

    def __init__(self, score: Score) -> None:
        self._score = score
        self.scores = torch.empty(0)

    def __call__(self) -> None:
        self.scores = self._score()


def _scores_by_full_passes(network: Network, groups: list[FilterGroup], sample: ScoringImages) -> Tensor:
    """Return the KL divergence of each filter by one full pass of the network in which that filter is masked."""
    images = sample.images.float() / 255
    divergences = []
    with torch.no_grad():
        original = network(images).double().log_softmax(1)
        for group in groups:
            for mask in filter_masks(network, group):
                with silenced(network.body, mask.channels):
                    masked = network(images).double().log_softmax(1)
                divergences.append(kl_div(original, masked, reduction="batchmean", log_target=True))
    return torch.stack(divergences)


def _scores_by_numpy(network: Network, sample: ScoringImages) -> Tensor:
    """Return the mean rank of each filter's feature maps, one map at a time in forward hooks, as HRank's own code."""
    means: list[float] = []

    def receive(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ranks = [[np.linalg.matrix_rank(feature_map) for feature_map in maps] for maps in output.numpy()]
        means.extend(np.mean(ranks, axis=0))

    hooks = [network.body.get_submodule(g.activation).register_forward_hook(receive) for g in _groups(network)]
    with torch.no_grad():
        network(sample.images.float() / 255)
    for hook in hooks:
        hook.remove()
    return torch.tensor(means, dtype=torch.float64)


def _network_and_images(images: int) -> tuple[Network, ScoringImages]:
    network, split = random_subject("resnet56", images)
    return network, ScoringImages(split.read(slice(None)), split.labels, CLASSES, seed=0)


def _groups(network: Network) -> list[FilterGroup]:
    return network.architecture.filter_groups(network.body)


def _concatenated(scores: dict[str, Tensor]) -> Tensor:
    return torch.cat(list(scores.values()))


if __name__ == "__main__":
    print_rows(run())
