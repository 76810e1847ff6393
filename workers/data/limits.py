"""Which images a limit keeps: a sample, and not the first ones."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from prunesweep.workers.random_streams import stream


@dataclass(frozen=True)
class ImageSubset:
    """Some images of a larger split, in its order.

    Attributes:
        places: their indices in it, int64 (n,), ascending.
        ranks: how many images of the same class come before each in it, int64 (n,).
        whole: how many images it holds.
    """

    places: NDArray[np.int64]
    ranks: NDArray[np.int64]
    whole: int


def choose(labels: NDArray[np.int64], limit: int | None) -> ImageSubset | None:
    """Return the images that a limit keeps of a split with these labels (N,); None where it keeps all.

    They are spread evenly over the classes: the numbers of two classes differ by one at the most, unless a class has
    no more. Within a class they are drawn at random, always the same ones, and a larger limit adds to them.
    """
    if limit is None or limit >= len(labels):
        return None
    order = torch.randperm(len(labels), generator=stream("limit")).numpy()
    turn = np.empty_like(order)  # of each image: which one of its class it is in the random order
    turn[order] = _rank_within_class(labels[order])
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    # One of each class, then a second one of each, and so on.
    places = np.sort(np.lexsort((position, turn))[:limit])
    return ImageSubset(places, _rank_within_class(labels)[places], len(labels))


def _rank_within_class(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal labels come before each, int64 (N,)."""
    by_class = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[by_class] = np.arange(len(labels)) - np.repeat(starts, counts)
    return ranks
