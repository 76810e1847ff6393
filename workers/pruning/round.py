"""One round of pruning: score the structures, unless their scores are stored, and remove the lowest-scored ones."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from prunesweep.sweeps.catalogue import CRITERIA, resolve
from prunesweep.sweeps.events import ScoringStarted
from prunesweep.sweeps.removable import rounded_up_share
from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.criteria.criterion import Criterion
from prunesweep.workers.pruning.errors import NothingToRemove
from prunesweep.workers.pruning.fault import diagnose_scoring_failure
from prunesweep.workers.pruning.filters import remove_filters
from prunesweep.workers.pruning.layers import remove_blocks
from prunesweep.workers.pruning.ranking import lowest_blocks, lowest_filters
from prunesweep.workers.pruning.scoring_images import ScoringImages
from prunesweep.workers.random_streams import stream
from prunesweep.workers.tensors import to_arrays, to_tensors
from prunesweep.workers.work import TrialError, Work


@dataclass(frozen=True)
class Removal:
    """Counts of the structures that one or more rounds were to remove, and of those that were removed.

    Attributes:
        filters_asked: number of filters that the ratio asked to remove.
        filters_removed: number of filters that were removed.
        blocks_asked: number of residual blocks that the settings asked to remove, as a ratio or as a number of blocks.
        blocks_removed: number of residual blocks that were removed.
    """

    filters_asked: int = 0
    filters_removed: int = 0
    blocks_asked: int = 0
    blocks_removed: int = 0

    def __add__(self, other: "Removal") -> "Removal":
        """Return the removal of both together, in which each number is the sum of the two."""
        return Removal(
            self.filters_asked + other.filters_asked,
            self.filters_removed + other.filters_removed,
            self.blocks_asked + other.blocks_asked,
            self.blocks_removed + other.blocks_removed,
        )


def prune(network: Network, work: Work) -> tuple[Network, Removal]:
    """Remove the lowest-scored structures of a network, as the trial's round specifies.

    For a control, which is not pruned, the network is returned as it is. The structure ``both`` first removes layers
    and then, in the same round, filters of the remaining network. If no layer is removable, only filters are removed,
    and conversely.

    Args:
        network: the network, which is not changed.
        work: the running trial.

    Returns:
        The smaller network and the numbers of removed structures.

    Raises:
        NothingToRemove: no structure is removable.
    """
    removal = Removal()
    for structure in work.trial.score_keys:
        if work.trial.structure == "both" and not _has_removable(network, structure):
            continue
        network, removed = _PRUNING_STEPS[structure](network, work)
        removal += removed
    if work.trial.structure == "both" and removal == Removal():
        raise NothingToRemove("no blocks and no filters to remove")
    return network, removal


def _has_removable(network: Network, structure: str) -> bool:
    """Return whether the network has removable ``filters`` or ``layers``."""
    architecture, body = network.architecture, network.body
    if structure == "layers":
        return bool(architecture.removable_blocks(body))
    convolutions = (module_at(body, group.convolution, nn.Conv2d) for group in architecture.filter_groups(body))
    return any(convolution.out_channels > 1 for convolution in convolutions)


def _prune_filters(network: Network, work: Work) -> tuple[Network, Removal]:
    scores = _load_or_compute_scores(network, work, "filters")
    step = work.trial.round
    if step.quota == "global":
        requested = rounded_up_share(step.ratio, sum(len(layer) for layer in scores.values()))
    else:
        requested = sum(rounded_up_share(step.ratio, len(layer)) for layer in scores.values())
    lowest = lowest_filters(scores, step.ratio, step.quota)
    removed = sum(len(indices) for indices in lowest.values())
    return remove_filters(network, lowest), Removal(filters_asked=requested, filters_removed=removed)


def _prune_layers(network: Network, work: Work) -> tuple[Network, Removal]:
    scores = _load_or_compute_scores(network, work, "layers")
    step = work.trial.round
    candidates = network.architecture.removable_blocks(network.body)
    requested = rounded_up_share(step.ratio, len(candidates)) if step.blocks is None else step.blocks
    lowest = lowest_blocks(scores, candidates, step.ratio, step.blocks)
    return remove_blocks(network, lowest), Removal(blocks_asked=requested, blocks_removed=len(lowest))


_PRUNING_STEPS = {"filters": _prune_filters, "layers": _prune_layers}


def _load_or_compute_scores(network: Network, work: Work, structure: str) -> dict[str, Tensor]:
    """Return the scores of a network's ``filters`` or ``layers`` from the store, in execution order.

    Scores that are missing in the store are first computed and stored.
    """
    key = work.trial.score_keys[structure]
    if not work.store.has_scores(key):
        work.progress(ScoringStarted(structure))
        work.store.save_scores(key, to_arrays(_compute_scores(network, work, structure)))
    stored = to_tensors(work.store.load_scores(key))
    # Ties are broken by order, which must be the same for computed and for stored scores.
    return {name: stored[name] for name in _structure_names(network, structure)}


def _compute_scores(network: Network, work: Work, structure: str) -> dict[str, Tensor]:
    """Score the ``filters`` or ``layers`` of a network by the trial's criterion.

    Raises:
        TrialError: scores are not finite, or the criterion failed because of the network or the scoring images.
        torch.OutOfMemoryError: the memory of the GPU is full.
        ValueError: the criterion failed for another reason, which is a bug.
        ArithmeticError: the criterion failed for another reason, which is a bug.
        RuntimeError: the criterion failed for another reason, which is a bug.
        LinAlgError: the criterion failed for another reason, which is a bug.
    """
    criterion: Criterion = resolve(CRITERIA[work.trial.criterion].code)
    architecture, body = network.architecture, network.body
    sample = _draw_scoring_images(work)
    try:
        if structure == "filters":
            scores = criterion.score_filters(network, architecture.filter_groups(body), sample)
        else:
            scores = criterion.score_blocks(network, architecture.removable_blocks(body), sample)
    except torch.OutOfMemoryError:
        raise
    except (ValueError, ArithmeticError, RuntimeError, np.linalg.LinAlgError) as error:
        reason = diagnose_scoring_failure(network, sample)
        if reason is None:
            raise
        raise TrialError(f"criterion {work.trial.criterion}: {reason}") from error
    if not all(values.isfinite().all() for values in scores.values()):
        reason = diagnose_scoring_failure(network, sample) or "for an unknown reason"
        raise TrialError(f"criterion {work.trial.criterion}: the scores are not finite: {reason}")
    work.check_stop()
    return scores


def _structure_names(network: Network, structure: str) -> list[str]:
    """Return the names of the convolutions (``filters``) or blocks (``layers``) with scores, in execution order."""
    architecture, body = network.architecture, network.body
    if structure == "filters":
        return [group.convolution for group in architecture.filter_groups(body)]
    return [block.name for block in architecture.removable_blocks(body)]


def _draw_scoring_images(work: Work) -> ScoringImages:
    """Draw the training images for scoring at random.

    Trials with the same seed score on the same images, whatever their criterion and iteration.
    """
    trial, split = work.trial, work.data.train
    order = torch.randperm(len(split), generator=stream("scoring", trial.seed))
    indices = order[: trial.round.scoring_images].to(split.labels.device)
    seed = int(torch.randint(2**31, (), generator=stream("random scores", trial.seed, trial.iterations)))
    return ScoringImages(split.read(indices), split.labels[indices], len(work.data.classes), seed)
