"""The removable structures of architectures: which ones, how many per round, and how many rounds are possible.

The workers use the same ``rounded_up_share`` and ``MIN_BLOCKS_PER_STAGE``, so that a plan finds impossible combinations
without building a network.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

MIN_BLOCKS_PER_STAGE = 2
"""The number of residual blocks that every stage keeps at least (Jordao and Pedrini, 2021, in their public code)."""


@dataclass(frozen=True)
class RemovalLimits:
    """The removable structures of an unpruned architecture, by the paths of its modules.

    Attributes:
        filters: the path of each convolution with removable filters and its number of filters, in the order in which
            the convolutions run; one filter of each convolution always remains.
        stages: the path of each stage and the paths of its residual blocks, in the order in which they run.
        protected_blocks: how many blocks of a stage are never removed: 1 protects the first block, 2 the first and the
            last.
    """

    filters: tuple[tuple[str, int], ...]
    stages: tuple[tuple[str, tuple[str, ...]], ...] = ()
    protected_blocks: int = 1


def removable_modules(limits: RemovalLimits, network: Mapping[str, Any], structure: str) -> dict[str, int]:
    """Return the number of removable elements of each module of a network, in the order in which the modules run.

    Args:
        limits: the limits of the network's architecture.
        network: the network's ``network.json``, of which ``kept_filters`` and ``kept_blocks`` are read.
        structure: ``filters`` for the filters of each convolution with more than one, or ``layers`` for the removable
            residual blocks.

    Returns:
        By module path: the number of filters of a convolution, or 1 for a residual block.
    """
    stages = {stage: [blocks[index] for index in network["kept_blocks"][stage]] for stage, blocks in limits.stages}
    if structure == "layers":
        removable = (
            blocks[1 : len(blocks) - limits.protected_blocks + 1]
            for blocks in stages.values()
            if len(blocks) > MIN_BLOCKS_PER_STAGE
        )
        return {block: 1 for blocks in removable for block in blocks}
    removed = tuple(f"{block}." for stage, blocks in limits.stages for block in blocks if block not in stages[stage])
    sizes = {path: len(network["kept_filters"].get(path, range(size))) for path, size in limits.filters}
    return {path: size for path, size in sizes.items() if size > 1 and not path.startswith(removed)}


def rounded_up_share(ratio: float, total: int) -> int:
    """Return ⌈ratio · total⌉, in which the ratio is exactly the decimal number that a user writes.

    A ratio of 0.1 and a total of 1010 give 101, although the float 0.1 is slightly more than a tenth.

    Args:
        ratio: the share to take, in [0, 1].
        total: the number of structures to take it from.

    Raises:
        ValueError: the ratio is outside [0, 1].
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio {ratio} is outside [0, 1]")
    return math.ceil(Fraction(str(ratio)) * total)


@cache
def max_rounds(
    limits: RemovalLimits, structure: str, *, ratio: float, quota: str, blocks: int | None, max_count: int
) -> int:
    """Return an upper bound on the number of rounds that can remove something, whatever the scores.

    How many blocks are removable in a round depends on which blocks earlier rounds removed, and so on the scores. The
    bound is the largest number of rounds that any scores allow.

    Args:
        limits: the limits of the architecture.
        structure: ``filters``, ``layers`` or ``both``. Rounds of ``both`` are counted as long as filters or blocks may
            be removable. How many filters remain depends on which blocks are removed, so some of the counted rounds may
            find nothing to remove.
        ratio: the share of the removable structures that each round removes, in (0, 1).
        quota: ``global`` or ``per_layer``: how filters are ranked.
        blocks: how many blocks each round removes; None if the ratio determines it.
        max_count: the number of rounds at which counting stops.
    """
    rounds = 0
    if structure in ("layers", "both"):
        rounds = _rounds_of_blocks(limits, ratio, blocks, sum(_removable_blocks_per_stage(limits)))
    if structure in ("filters", "both"):
        # Removing a block removes its convolutions; how many remain is unknown here, so only one is assumed.
        min_filters = 1 if structure == "both" else len(limits.filters)
        rounds = max(rounds, _rounds_of_filters(limits, ratio, quota, min_filters, max_count))
    return min(max_count, rounds)


def _rounds_of_filters(limits: RemovalLimits, ratio: float, quota: str, min_filters: int, max_count: int) -> int:
    """Return the largest number of rounds that can remove filters.

    Args:
        limits: the limits of the architecture.
        ratio: the share of the removable filters that each round removes, in (0, 1).
        quota: ``global`` or ``per_layer``: how filters are ranked.
        min_filters: the number of filters that are never removed; each remaining convolution keeps one.
        max_count: the number of rounds at which counting stops.
    """
    if quota == "per_layer":
        return max(_rounds_until_minimum(width, 1, ratio, max_count) for _, width in limits.filters)
    return _rounds_until_minimum(sum(width for _, width in limits.filters), min_filters, ratio, max_count)


def _rounds_until_minimum(total: int, minimum: int, ratio: float, max_count: int) -> int:
    """Return after how many rounds only ``minimum`` of ``total`` filters remain; at most ``max_count``."""
    rounds = 0
    while total > minimum and rounds < max_count:
        total -= min(rounded_up_share(ratio, total), total - minimum)
        rounds += 1
    return rounds


def _removable_blocks_per_stage(limits: RemovalLimits) -> list[int]:
    """Return the number of removable blocks of each stage, in descending order."""
    return sorted((max(len(names) - MIN_BLOCKS_PER_STAGE, 0) for _, names in limits.stages), reverse=True)


@cache
def _rounds_of_blocks(limits: RemovalLimits, ratio: float, blocks: int | None, left: int) -> int:
    """Return the most rounds that removing ``left`` blocks can take, however the blocks are distributed over stages."""
    if left == 0:
        return 0
    left_after = {max(left - removed, 0) for removed in _next_removals(limits, ratio, blocks, left)}
    return 1 + max(_rounds_of_blocks(limits, ratio, blocks, rest) for rest in left_after)


def _next_removals(limits: RemovalLimits, ratio: float, blocks: int | None, left: int) -> Iterable[int]:
    """Return the numbers of blocks that the next round may remove while ``left`` blocks of all stages are removable."""
    if blocks is not None:
        return [blocks]
    removable = [count for count in _removable_blocks_per_stage(limits) if count]
    min_stages = next(count for count in range(1, len(removable) + 1) if sum(removable[:count]) >= left)
    max_stages = min(len(removable), left)
    # The ratio applies to all candidates; in stages with removable blocks, unprotected blocks that will stay count too.
    return {
        rounded_up_share(ratio, left + stages * (MIN_BLOCKS_PER_STAGE - limits.protected_blocks))
        for stages in range(min_stages, max_stages + 1)
    }
