"""Which structures go: the lowest-scored ones, how many of them, and what must stay."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeVar

from torch import Tensor

from prunesweep.sweeps.removable import LEAST_BLOCKS, share
from prunesweep.workers.architectures.architecture import Block

Quota = Literal["global", "per_layer"]
Structure = TypeVar("Structure")


def lowest_filters(scores: Mapping[str, Tensor], ratio: float, quota: Quota) -> dict[str, list[int]]:
    """The filters to remove, as ascending indices by convolution; convolutions that lose none are left out.

    ``scores`` holds a (n_filters,) tensor a convolution. With the quota "global" the lowest ⌈ratio · |S|⌉ of
    all filters go, with "per_layer" the lowest ⌈ratio · n⌉ of each convolution's n. One filter of each
    convolution stays whatever its score; "global" then takes the next lowest of another. Equal scores go in
    the order of the convolutions, then of the indices. Raises ValueError for a ratio outside [0, 1] and for
    scores that are not finite.
    """
    if quota == "global":
        return _lowest_of_all(scores, ratio)
    if quota == "per_layer":
        layers = [_lowest_of_all({convolution: layer}, ratio) for convolution, layer in scores.items()]
        return {convolution: indices for layer in layers for convolution, indices in layer.items()}
    raise ValueError(f"quota {quota!r} is neither 'global' nor 'per_layer'")


def lowest_blocks(
    scores: Mapping[str, Tensor], candidates: Sequence[Block], ratio: float, count: int | None = None
) -> list[str]:
    """The names of the blocks to remove, lowest score first.

    ``scores`` holds a 0-d tensor a block, ``candidates`` all blocks S that may go. The lowest ⌈ratio · |S|⌉
    go, or ``count`` if that is given, one after another, passing over those whose stage would keep fewer than
    two. Equal scores go in the order of the candidates. Raises ValueError for a ratio outside [0, 1], a
    negative count and scores that are not finite.
    """
    _check_finite(scores)
    wanted = share(ratio, len(candidates)) if count is None else count
    if wanted < 0:
        raise ValueError(f"{count} blocks cannot be removed")
    ascending = sorted(candidates, key=lambda block: scores[block.name].item())
    may_lose = {block.stage: block.stage_size - LEAST_BLOCKS for block in candidates}
    return [name for _, name in _take(((block.stage, block.name) for block in ascending), may_lose, wanted)]


def _lowest_of_all(scores: Mapping[str, Tensor], ratio: float) -> dict[str, list[int]]:
    _check_finite(scores)
    scored = [
        (score, convolution, index)
        for convolution, layer in scores.items()
        for index, score in enumerate(layer.tolist())
    ]
    ascending = sorted(scored, key=lambda filter_: filter_[0])  # stable, so equal scores keep their order
    may_lose = {convolution: len(layer) - 1 for convolution, layer in scores.items()}
    taken = _take(((convolution, index) for _, convolution, index in ascending), may_lose, share(ratio, len(scored)))
    lost = {convolution: sorted(index for owner, index in taken if owner == convolution) for convolution in scores}
    return {convolution: indices for convolution, indices in lost.items() if indices}


def _take(
    ascending: Iterable[tuple[str, Structure]], may_lose: Mapping[str, int], wanted: int
) -> list[tuple[str, Structure]]:
    """The first ``wanted`` of (owner, structure), but of each owner no more than it may lose."""
    left = dict(may_lose)
    taken: list[tuple[str, Structure]] = []
    for owner, structure in ascending:
        if len(taken) == wanted:
            break
        if left[owner] > 0:
            left[owner] -= 1
            taken.append((owner, structure))
    return taken


def _check_finite(scores: Mapping[str, Tensor]) -> None:
    for name, values in scores.items():
        if not values.isfinite().all():
            raise ValueError(f"the scores of {name} are not all finite, so they cannot be ranked")
