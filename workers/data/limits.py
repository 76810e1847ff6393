"""Sampling of the images that ``train_limit`` and ``test_limit`` keep, evenly over the classes."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from prunesweep.workers.random_streams import stream


@dataclass(frozen=True)
class ImageSubset:
    """The images of a split that a limit keeps, in the order of the split.

    Attributes:
        indices: int64 (n,), ascending, the indices of the images in the whole split.
        ranks: int64 (n,), for each image, how many images of its class come before it in the whole split.
        split_size: the number of images in the whole split.
    """

    indices: NDArray[np.int64]
    ranks: NDArray[np.int64]
    split_size: int


def sample_images(labels: NDArray[np.int64], limit: int | None) -> ImageSubset | None:
    """Choose the images of a split that a limit keeps, evenly over the classes.

    The numbers of images kept differ by at most one between classes, unless a class has fewer images than its share.
    Within a class the images are drawn from a fixed random stream. Therefore the same labels and limit always give the
    same images, and a larger limit keeps all images that a smaller limit keeps.

    Args:
        labels: int64 (N,), the labels of all images of the split.
        limit: how many images to keep; None for all.

    Returns:
        The images that the limit keeps; None if it keeps all images.
    """
    if limit is None or limit >= len(labels):
        return None
    order = torch.randperm(len(labels), generator=stream("limit")).numpy()
    random_rank = np.empty_like(order)  # each image's rank within its class in the random order
    random_rank[order] = _rank_within_class(labels[order])
    position = np.empty_like(order)
    position[order] = np.arange(len(order))
    # One image of each class, then a second one of each, and so on.
    indices = np.sort(np.lexsort((position, random_rank))[:limit])
    return ImageSubset(indices, _rank_within_class(labels)[indices], len(labels))


def _rank_within_class(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each label how many equal labels come before it, int64 (N,)."""
    by_class = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[by_class], return_index=True, return_counts=True)
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[by_class] = np.arange(len(labels)) - np.repeat(starts, counts)
    return ranks
