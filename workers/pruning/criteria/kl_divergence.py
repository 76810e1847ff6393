"""KL-divergence: what the predictions do not miss matters little.

Luo and Wu (2020), "Neural Network Pruning with Residual-Connections and Limited-Data" (CURL). Each structure
is silenced alone, and the score is the mean over the images of KL(masked ‖ original) = Σ p_m (ln p_m − ln
p_o), in nats, where p_m and p_o are the softmax of the masked and of the original network's logits.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.architectures.architecture import Block, FilterGroup, Segment
from workers.architectures.network import Network, evaluating
from workers.pruning.criteria.sample import BATCH, Sample
from workers.pruning.masking import ALL_CHANNELS, Channels, silenced_apart


def score_filters(network: Network, groups: Sequence[FilterGroup], sample: Sample) -> dict[str, Tensor]:
    """The divergence when one filter is silent: float64 (n_filters,), at least 0, by convolution."""
    widths = [network.body.get_submodule(group.convolution).out_channels for group in groups]
    silencings = [
        Silencing(group.convolution, {norm: [i] for norm in group.norms})
        for group, width in zip(groups, widths, strict=True)
        for i in range(width)
    ]
    scores = _divergences(network, silencings, sample).split(widths)
    return {group.convolution: score for group, score in zip(groups, scores, strict=True)}


def score_blocks(network: Network, blocks: Sequence[Block], sample: Sample) -> dict[str, Tensor]:
    """The divergence when one block is silent: float64 (), at least 0, by block."""
    silencings = [Silencing(block.name, {block.last_norm: ALL_CHANNELS}) for block in blocks]
    scores = _divergences(network, silencings, sample)
    return {block.name: score for block, score in zip(blocks, scores, strict=True)}


@dataclass(frozen=True)
class Silencing:
    """``channels`` that fall silent; ``path``: the first module that this touches."""

    path: str
    channels: Channels


def _divergences(network: Network, silencings: Sequence[Silencing], sample: Sample) -> Tensor:
    """The mean divergence of each silencing: float64 (n_silencings,) on the CPU.

    Walks along the segments once a batch and keeps one activation, the one that enters the segment at hand;
    from there on alone the network runs again, for as many silencings at once as make a full batch. That is
    several times faster than full passes.
    """
    segments = network.architecture.segments(network.body)
    by_segment = defaultdict(list)
    for number, silencing in enumerate(silencings):
        by_segment[_segment_of(silencing.path, segments)].append(number)
    sums = torch.zeros(len(silencings), dtype=torch.float64, device=sample.images.device)
    with evaluating(network):
        for images in sample.batches():
            original = network(images)
            entering = network.normalise(images)
            for position, (_, segment) in enumerate(segments):
                for numbers in _chunks(by_segment[position], max(1, BATCH // len(images))):
                    copies = entering.repeat(len(numbers), 1, 1, 1)
                    with silenced_apart(network.body, [silencings[number].channels for number in numbers]):
                        masked = _run(segments[position:], copies).unflatten(0, (len(numbers), -1))
                    sums[numbers] += _divergence(masked, original).sum(1)
                entering = segment(entering)
    return sums.cpu() / len(sample.images)


def _chunks(numbers: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (numbers[start : start + size] for start in range(0, len(numbers), size))


def _segment_of(path: str, segments: Sequence[Segment]) -> int:
    return next(i for i, (name, _) in enumerate(segments) if f"{path}.".startswith(f"{name}."))


def _run(segments: Sequence[Segment], features: Tensor) -> Tensor:
    for _, segment in segments:
        features = segment(features)
    return features


def _divergence(masked: Tensor, original: Tensor) -> Tensor:
    """KL(masked ‖ original) of each image: logits (…, n, classes) and (n, classes) to (…, n)."""
    log_masked = masked.double().log_softmax(dim=-1)
    log_original = original.double().log_softmax(dim=-1)
    return (log_masked.exp() * (log_masked - log_original)).sum(dim=-1)
