"""One round of pruning: score → remove, with the scores of the store where it has them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from prunesweep.sweeps.catalogue import CRITERIA, resolve
from prunesweep.sweeps.events import ScoringStarted
from prunesweep.sweeps.removable import share
from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.criteria.criterion import Criterion
from prunesweep.workers.pruning.errors import NothingToRemove
from prunesweep.workers.pruning.fault import fault_of
from prunesweep.workers.pruning.filters import remove_filters
from prunesweep.workers.pruning.layers import remove_blocks
from prunesweep.workers.pruning.ranking import lowest_blocks, lowest_filters
from prunesweep.workers.pruning.scoring_images import ScoringImages
from prunesweep.workers.random_streams import stream
from prunesweep.workers.tensors import to_arrays, to_tensors
from prunesweep.workers.work import TrialError, Work


@dataclass(frozen=True)
class Removal:
    """How many structures a round was to remove, and how many it did."""

    filters_asked: int = 0
    filters_removed: int = 0
    blocks_asked: int = 0
    blocks_removed: int = 0

    def __add__(self, other: "Removal") -> "Removal":
        return Removal(
            self.filters_asked + other.filters_asked,
            self.filters_removed + other.filters_removed,
            self.blocks_asked + other.blocks_asked,
            self.blocks_removed + other.blocks_removed,
        )


def prune(network: Network, work: Work) -> tuple[Network, Removal]:
    """The network without the structures that score lowest; of a control, the network as it is.

    ``both`` removes layers, then filters of what is left, in the same round. Where nothing that may go is left of one
    of them, it goes on with the other alone.

    Raises:
        NothingToRemove: nothing that may go is left.
    """
    removal = Removal()
    for scored in work.trial.score_keys:
        if work.trial.structure == "both" and not _is_left(network, scored):
            continue
        network, removed = _STEPS[scored](network, work)
        removal += removed
    if work.trial.structure == "both" and removal == Removal():
        raise NothingToRemove("no blocks and no filters to remove")
    return network, removal


def _is_left(network: Network, scored: str) -> bool:
    """Whether the network has filters, or layers, that may go."""
    architecture, body = network.architecture, network.body
    if scored == "layers":
        return bool(architecture.removable_blocks(body))
    convolutions = (module_at(body, group.convolution, nn.Conv2d) for group in architecture.filter_groups(body))
    return any(convolution.out_channels > 1 for convolution in convolutions)


def _prune_filters(network: Network, work: Work) -> tuple[Network, Removal]:
    scores = _scores(network, work, "filters")
    step = work.trial.round
    if step.quota == "global":
        asked = share(step.ratio, sum(len(layer) for layer in scores.values()))
    else:
        asked = sum(share(step.ratio, len(layer)) for layer in scores.values())
    chosen = lowest_filters(scores, step.ratio, step.quota)
    removed = sum(len(indices) for indices in chosen.values())
    return remove_filters(network, chosen), Removal(filters_asked=asked, filters_removed=removed)


def _prune_layers(network: Network, work: Work) -> tuple[Network, Removal]:
    scores = _scores(network, work, "layers")
    step = work.trial.round
    candidates = network.architecture.removable_blocks(network.body)
    asked = share(step.ratio, len(candidates)) if step.blocks is None else step.blocks
    chosen = lowest_blocks(scores, candidates, step.ratio, step.blocks)
    return remove_blocks(network, chosen), Removal(blocks_asked=asked, blocks_removed=len(chosen))


_STEPS = {"filters": _prune_filters, "layers": _prune_layers}


def _scores(network: Network, work: Work, scored: str) -> dict[str, Tensor]:
    """The scores of a network's filters or layers, in its order: of the store, or made and stored."""
    key = work.trial.score_keys[scored]
    if not work.store.has_scores(key):
        work.progress(ScoringStarted(scored))
        work.store.save_scores(key, to_arrays(_make_scores(network, work, scored)))
    stored = to_tensors(work.store.load_scores(key))
    # Ties go by order, which must be the same for those who made the scores and those who found them.
    return {name: stored[name] for name in _scored_names(network, scored)}


def _make_scores(network: Network, work: Work, scored: str) -> dict[str, Tensor]:
    criterion: Criterion = resolve(CRITERIA[work.trial.criterion].code)
    architecture, body = network.architecture, network.body
    sample = _sample(work)
    try:
        if scored == "filters":
            scores = criterion.score_filters(network, architecture.filter_groups(body), sample)
        else:
            scores = criterion.score_blocks(network, architecture.removable_blocks(body), sample)
    except torch.OutOfMemoryError:
        raise
    except (ValueError, ArithmeticError, RuntimeError, np.linalg.LinAlgError) as error:
        why = fault_of(network, sample)  # else the fault is ours
        if why is None:
            raise
        raise TrialError(f"criterion {work.trial.criterion}: {why}") from error
    if not all(values.isfinite().all() for values in scores.values()):
        why = fault_of(network, sample) or "they are not finite, for reasons unknown"
        raise TrialError(f"criterion {work.trial.criterion}: there are no scores: {why}")
    work.check_stop()
    return scores


def _scored_names(network: Network, scored: str) -> list[str]:
    architecture, body = network.architecture, network.body
    if scored == "filters":
        return [group.convolution for group in architecture.filter_groups(body)]
    return [block.name for block in architecture.removable_blocks(body)]


def _sample(work: Work) -> ScoringImages:
    """The training images that criteria look at: the same for all criteria of a seed."""
    trial, split = work.trial, work.data.train
    order = torch.randperm(len(split), generator=stream("scoring", trial.seed))
    chosen = order[: trial.round.scoring_images].to(split.labels.device)
    draw = int(torch.randint(2**31, (), generator=stream("random scores", trial.seed, trial.iterations)))
    return ScoringImages(split.read(chosen), split.labels[chosen], len(work.data.classes), draw)
