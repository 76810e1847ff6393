"""What a network says with each structure silenced alone, far cheaper than by a full pass each."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from prunesweep.workers.architectures.architecture import Block, FilterGroup, Segment
from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.masking import ALL_CHANNELS, SilencedChannels, silenced_apart
from prunesweep.workers.pruning.scoring_images import SCORING_BATCH


@dataclass(frozen=True)
class Silencing:
    """``channels`` that fall silent; ``path``: the first module that this touches."""

    path: str
    channels: SilencedChannels


def filter_silencings(network: Network, group: FilterGroup) -> list[Silencing]:
    """One for each filter of the group's convolution, as it is now."""
    filters = module_at(network.body, group.convolution, nn.Conv2d).out_channels
    return [Silencing(group.convolution, {norm: [i] for norm in group.norms}) for i in range(filters)]


def block_silencing(block: Block) -> Silencing:
    """The one of a residual block."""
    return Silencing(block.name, {block.last_norm: ALL_CHANNELS})


def logits_of_each(
    network: Network, silencings: Sequence[Silencing], images: Tensor
) -> Iterator[tuple[list[int], Tensor]]:
    """The logits of the network with each of the silencings alone. For use in eval mode and without gradients.

    Walks along the segments once and keeps one activation, the one that enters the segment at hand; from there on
    alone the network runs again, for as many silencings at once as make a full batch.

    Args:
        images: float (n, 3, H, W) in [0, 1].

    Yields:
        positions in ``silencings``, each once, and logits (positions, n, classes).
    """
    segments = network.architecture.segments(network.body)
    entering = network.normalise(images)
    at_once = max(1, SCORING_BATCH // len(images))
    for position, numbers in by_segment(segments, silencings).items():
        for some in (numbers[start : start + at_once] for start in range(0, len(numbers), at_once)):
            copies = entering.repeat(len(some), 1, 1, 1)
            with silenced_apart(network.body, [silencings[number].channels for number in some]):
                logits = run_segments(segments[position:], copies)
            yield some, logits.unflatten(0, (len(some), -1))
        entering = segments[position][1](entering)


def by_segment(segments: Sequence[Segment], silencings: Sequence[Silencing]) -> Mapping[int, list[int]]:
    """The positions in ``silencings`` by that of the segment they begin in: of each segment up to the last of those."""
    found = defaultdict(list)
    for number, silencing in enumerate(silencings):
        found[_segment_of(silencing.path, segments)].append(number)
    return {position: found[position] for position in range(max(found, default=-1) + 1)}


def run_segments(segments: Sequence[Segment], features: Tensor) -> Tensor:
    """What comes out of these segments, one after the other."""
    for _, segment in segments:
        features = segment(features)
    return features


def _segment_of(path: str, segments: Sequence[Segment]) -> int:
    return next(i for i, (name, _) in enumerate(segments) if f"{path}.".startswith(f"{name}."))
