"""How much can be removed: what an architecture may lose, how much goes in a round, and when nothing is left.

The arithmetic is that of the workers, which take ``share`` and ``LEAST_BLOCKS`` from here, so that a plan knows what
cannot be without making a network.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

LEAST_BLOCKS = 2
"""Blocks that every stage keeps (Jordao and Pedrini, 2021, in their public code)."""


@dataclass(frozen=True)
class RemovalLimits:
    """What an unpruned architecture may lose.

    Attributes:
        filters: of convolutions that may lose all filters but one: (how many convolutions, filters of each), …
        stages: how many residual blocks each stage has.
        spared: how many blocks of a stage never go.
    """

    filters: tuple[tuple[int, int], ...]
    stages: tuple[int, ...] = ()
    spared: int = 1


def share(ratio: float, total: int) -> int:
    """Return ⌈ratio · total⌉ of the ratio as it is written.

    0.1 of 1010 is 101, though 0.1 as a float is a little more.

    Raises:
        ValueError: the ratio is outside [0, 1].
    """
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio {ratio} is outside [0, 1]")
    return math.ceil(Fraction(str(ratio)) * total)


@cache
def most_rounds(
    removable: RemovalLimits, structure: str, *, ratio: float, quota: str, blocks: int | None, limit: int
) -> int:
    """Return how many rounds can remove something, whatever the scores.

    How many blocks are candidates depends on which went before: this is the most that any scores allow.

    Args:
        removable: of the architecture.
        structure: ``filters``, ``layers`` or ``both``, which goes on as long as either is left; how many filters
            are left depends on the blocks that went, and so some of its rounds may find nothing.
        ratio: the share of the candidates that goes in a round, in (0, 1).
        quota: ``global`` or ``per_layer``, of filters.
        blocks: how many blocks go in a round; None where the ratio says it.
        limit: where to stop counting.
    """
    rounds = 0
    if structure in ("layers", "both"):
        rounds = _rounds_of_blocks(removable, ratio, blocks, sum(_capacities(removable)))
    if structure in ("filters", "both"):
        # A block that goes takes its convolutions along; how many then stay is not known, so that one is assumed.
        fewest = 1 if structure == "both" else sum(count for count, _ in removable.filters)
        rounds = max(rounds, _rounds_of_filters(removable, ratio, quota, fewest, limit))
    return min(limit, rounds)


def _rounds_of_filters(removable: RemovalLimits, ratio: float, quota: str, fewest: int, limit: int) -> int:
    """The most rounds in which filters can go, where at least ``fewest`` convolutions stay with one each."""
    if quota == "per_layer":
        return max(_rounds_until(width, 1, ratio, limit) for _, width in removable.filters)
    return _rounds_until(sum(count * width for count, width in removable.filters), fewest, ratio, limit)


def _rounds_until(total: int, least: int, ratio: float, limit: int) -> int:
    """Rounds until ``least`` of ``total`` filters are left, which always stay."""
    rounds = 0
    while total > least and rounds < limit:
        total -= min(share(ratio, total), total - least)
        rounds += 1
    return rounds


def _capacities(removable: RemovalLimits) -> list[int]:
    """How many blocks each stage can lose, the most first."""
    return sorted((max(size - LEAST_BLOCKS, 0) for size in removable.stages), reverse=True)


@cache
def _rounds_of_blocks(removable: RemovalLimits, ratio: float, blocks: int | None, left: int) -> int:
    """The most rounds in which ``left`` blocks can go, over all ways in which they may lie in stages."""
    if left == 0:
        return 0
    after = {max(left - removed, 0) for removed in _removed(removable, ratio, blocks, left)}
    return 1 + max(_rounds_of_blocks(removable, ratio, blocks, rest) for rest in after)


def _removed(removable: RemovalLimits, ratio: float, blocks: int | None, left: int) -> Iterable[int]:
    """How many blocks may go in the next round."""
    if blocks is not None:
        return [blocks]
    capacities = [capacity for capacity in _capacities(removable) if capacity]
    fewest = next(count for count in range(1, len(capacities) + 1) if sum(capacities[:count]) >= left)
    most = min(len(capacities), left)
    # Of a stage that can still lose a block, those that it will keep are candidates too, but for the spared ones.
    return {share(ratio, left + stages * (LEAST_BLOCKS - removable.spared)) for stages in range(fewest, most + 1)}
