"""Selection of the lowest-scored structures for removal, within quotas and the limits of each layer and stage."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from torch import Tensor

from prunesweep.sweeps.removable import MIN_BLOCKS_PER_STAGE, rounded_up_share
from prunesweep.workers.architectures.architecture import Block

Quota = Literal["global", "per_layer"]
Structure = TypeVar("Structure")


def lowest_filters(scores: Mapping[str, Tensor], ratio: float, quota: Quota) -> dict[str, list[int]]:
    """Select the filters to remove: those with the lowest scores.

    The quota "global" selects the ⌈ratio · |S|⌉ lowest-scored filters from the set S of all filters. The quota
    "per_layer" selects the ⌈ratio · n⌉ lowest-scored filters of each convolution with n filters. At least one filter of
    each convolution remains, whatever its score. Where "global" would select this filter, it selects the next
    lowest-scored filter of another convolution instead. Filters with equal scores are selected in the order of the
    convolutions, then of the indices.

    Args:
        scores: scores of the filters (n_filters,), by convolution.
        ratio: share of filters to remove, in [0, 1].
        quota: "global" or "per_layer".

    Returns:
        Ascending indices by convolution, without convolutions that lose no filters.

    Raises:
        ValueError: the quota is unknown, the ratio is outside [0, 1] or a score is not finite.
    """
    if quota == "global":
        return _lowest_globally(scores, ratio)
    if quota == "per_layer":
        layers = [_lowest_globally({convolution: layer}, ratio) for convolution, layer in scores.items()]
        return {convolution: indices for layer in layers for convolution, indices in layer.items()}
    raise ValueError(f"quota {quota!r} is neither 'global' nor 'per_layer'")


def lowest_blocks(
    scores: Mapping[str, Tensor], candidates: Sequence[Block], ratio: float, count: int | None = None
) -> list[str]:
    """Select the residual blocks to remove: those with the lowest scores.

    The lowest-scored blocks are selected one after another, skipping those whose stage would have fewer than two blocks
    left. Blocks with equal scores are selected in the order of the candidates.

    Args:
        scores: scores of the blocks (), by block name.
        candidates: all removable blocks S.
        ratio: share of the candidates, in [0, 1]: ⌈ratio · |S|⌉ blocks are selected.
        count: number of blocks to select; None if the ratio determines this number.

    Returns:
        Names of the blocks, lowest score first.

    Raises:
        ValueError: the ratio is outside [0, 1], the count is negative or a score is not finite.
    """
    _check_finite(scores)
    requested = rounded_up_share(ratio, len(candidates)) if count is None else count
    if requested < 0:
        raise ValueError(f"{count} blocks cannot be removed")
    ascending = sorted(candidates, key=lambda block: scores[block.name].item())
    max_removed = {block.stage: block.stage_size - MIN_BLOCKS_PER_STAGE for block in candidates}
    return [
        name for _, name in _take_lowest(((block.stage, block.name) for block in ascending), max_removed, requested)
    ]


def _lowest_globally(scores: Mapping[str, Tensor], ratio: float) -> dict[str, list[int]]:
    """Select the filters to remove as ``lowest_filters`` does for the quota "global"."""
    _check_finite(scores)
    scored = [
        (score, convolution, index)
        for convolution, layer in scores.items()
        for index, score in enumerate(layer.tolist())
    ]
    ascending = sorted(scored, key=lambda filter_: filter_[0])  # stable, so equal scores keep their order
    max_removed = {convolution: len(layer) - 1 for convolution, layer in scores.items()}
    count = rounded_up_share(ratio, len(scored))
    taken = _take_lowest(((convolution, index) for _, convolution, index in ascending), max_removed, count)
    selected = {name: sorted(index for convolution, index in taken if convolution == name) for name in scores}
    return {convolution: indices for convolution, indices in selected.items() if indices}


def _take_lowest(
    ascending: Iterable[tuple[str, Structure]], max_removed: Mapping[str, int], count: int
) -> list[tuple[str, Structure]]:
    """Return the structures with the lowest scores, skipping those whose owner can lose no more structures.

    Args:
        ascending: pairs of an owner (convolution or stage) and a structure, lowest score first.
        max_removed: how many structures each owner can lose.
        count: number of structures to return; fewer are returned if there are not enough.

    Returns:
        Pairs of an owner and a structure, lowest score first.
    """
    remaining = dict(max_removed)
    taken: list[tuple[str, Structure]] = []
    for owner, structure in ascending:
        if len(taken) == count:
            break
        if remaining[owner] > 0:
            remaining[owner] -= 1
            taken.append((owner, structure))
    return taken


def _check_finite(scores: Mapping[str, Tensor]) -> None:
    """Check that all scores are finite.

    Raises:
        ValueError: a score is not finite.
    """
    for name, values in scores.items():
        if not values.isfinite().all():
            raise ValueError(f"the scores of {name} are not all finite, so they cannot be ranked")
