"""Logits of a network with each of many structures silenced alone, without a full forward pass for each structure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from prunesweep.workers.architectures.architecture import Block, FilterGroup, Segment
from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.masking import ALL_CHANNELS, SilencedChannels, silenced_per_batch
from prunesweep.workers.pruning.scoring_images import SCORING_BATCH


@dataclass(frozen=True)
class StructureMask:
    """The mask that silences one structure, a filter or a residual block.

    Attributes:
        first_module: path of the module at which a rerun of the network with the mask has to start.
        channels: the batch-norm channels to zero.
    """

    first_module: str
    channels: SilencedChannels


def filter_masks(network: Network, group: FilterGroup) -> list[StructureMask]:
    """Return the mask of each filter of a convolution.

    Args:
        network: the network.
        group: the convolution. Every filter that it has now gets a mask.
    """
    filters = module_at(network.body, group.convolution, nn.Conv2d).out_channels
    return [StructureMask(group.convolution, {norm: [i] for norm in group.norms}) for i in range(filters)]


def block_mask(block: Block) -> StructureMask:
    """Return the mask of a residual block."""
    return StructureMask(block.name, {block.last_norm: ALL_CHANNELS})


def compute_masked_logits(
    network: Network, masks: Sequence[StructureMask], images: Tensor
) -> Iterator[tuple[list[int], Tensor]]:
    """Compute the logits of a network with each mask applied alone.

    The images pass through the segments of the network, the steps of its forward pass, once without a mask. Only the
    input of the current segment is held in memory. For each mask, the network is rerun from the segment that contains
    the mask's first module. As many masks are applied at once as fill a batch, each mask to its own copy of the input.
    The network must be in evaluation mode, and gradients must be off.

    Args:
        network: the network, whose batch norms may be folded.
        masks: the masks.
        images: float (n, 3, H, W) in [0, 1].

    Yields:
        The indices of some masks, and the logits (indices, n, classes) with each of these masks. Every mask occurs in
            one pair.
    """
    segments = network.architecture.segments(network.body)
    features = network.normalise(images)
    masks_at_once = max(1, SCORING_BATCH // len(images))
    for position, indices in group_by_segment(segments, masks).items():
        for chunk in (indices[start : start + masks_at_once] for start in range(0, len(indices), masks_at_once)):
            copies = features.repeat(len(chunk), 1, 1, 1)
            with silenced_per_batch(network.body, [masks[index].channels for index in chunk]):
                logits = run_segments(segments[position:], copies)
            yield chunk, logits.unflatten(0, (len(chunk), -1))
        features = segments[position][1](features)


def group_by_segment(segments: Sequence[Segment], masks: Sequence[StructureMask]) -> Mapping[int, list[int]]:
    """Group masks by the segment that contains their first module.

    Args:
        segments: the segments of the network, which are the steps of its forward pass.
        masks: the masks.

    Returns:
        Indices of the masks by index of the segment, for all segments up to the last segment with a mask. A segment
        before that one may have no masks.
    """
    groups = defaultdict(list)
    for index, mask in enumerate(masks):
        groups[_find_segment(mask.first_module, segments)].append(index)
    return {position: groups[position] for position in range(max(groups, default=-1) + 1)}


def run_segments(segments: Sequence[Segment], features: Tensor) -> Tensor:
    """Pass features through segments one after another, and return the output of the last segment.

    Args:
        segments: the segments, which are steps of a network's forward pass.
        features: input of the first segment.
    """
    for _, segment in segments:
        features = segment(features)
    return features


def _find_segment(path: str, segments: Sequence[Segment]) -> int:
    """Return the index of the segment that contains the module of a path."""
    return next(i for i, (name, _) in enumerate(segments) if f"{path}.".startswith(f"{name}."))
