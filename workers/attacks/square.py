"""The Square Attack in the L∞ ball (Andriushchenko et al. 2020): a random search that only asks for logits."""

import math
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Generator, Tensor, nn

from prunesweep.sweeps.attacks import Square
from prunesweep.workers.attacks.losses import logit_margins, misclassified
from prunesweep.workers.attacks.subject import Evaluation, Subject
from prunesweep.workers.attacks.worst_case import Search, evaluation
from prunesweep.workers.random_streams import stream

# Of the image's area, the first squares' share: that of the authors' evaluations on CIFAR-10 (in AutoAttack too).
FIRST_SHARE = 0.8
# The share is halved after these of 10,000 queries; with fewer queries, sooner in proportion (§3.2 and their code).
HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
DRAWN_AT_ONCE = 256


def square(subject: Subject, settings: Square) -> Evaluation:
    """Accuracy at each ε after so many queries an image."""

    def search_at(epsilon: float) -> Search:
        return partial(
            square_images, subject.network, epsilon=epsilon, queries=settings.queries, check_stop=subject.check_stop
        )

    return evaluation("square", subject, settings, search_at)


def square_images(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    indices: Tensor,
    *,
    epsilon: float,
    queries: int,
    check_stop: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Tensor]:
    """Images within ε of ``images`` with a lower margin of the true class, and which of them fool the network.

    The first query of each image shows it with vertical stripes of ±ε, one sign a column and channel. Each further
    query puts a square of one sign a channel at a random place (Algorithm 2), and is kept where the margin falls.
    The network is only called, under inference mode: it need not have a gradient. Fooled images leave the batch; an
    image that the network gets wrong as it is needs no attack.

    Args:
        network: images to logits.
        images: float32 (N, C, H, W) in [0, 1].
        labels: the true classes, int64 (N,).
        indices: (N,) names each image's random stream, so that its numbers do not depend on those beside it.
        epsilon: the ball's radius, in (0, 1].
        queries: of each image beside the one that shows it unchanged, 1 or more.
        check_stop: called before each query; may raise.

    Returns:
        float32 (N, C, H, W) in [0, 1], of images not fooled that with the lowest margin; bool (N,).
    """
    adversarial = images.clone()
    _, fooled = _ask(network, images, labels)
    left = torch.nonzero(~fooled)[:, 0]  # the images still in play, and below, in the same order, what belongs to them
    streams = {image: stream("square", int(indices[image])) for image in left.tolist()}
    clean, labels = images[left], labels[left]
    best = (clean + epsilon * _stripes(streams, clean)).clamp_(0, 1) if streams else clean
    lowest = torch.full((len(left),), float("inf"), device=images.device)
    numbers = torch.empty(0)
    for query in range(queries):
        if len(left) == 0:
            break
        check_stop()
        if query == 0:
            tried = best
        else:
            drawn = (query - 1) % DRAWN_AT_ONCE
            if drawn == 0:
                numbers = _numbers(streams, left, images)
            tried = _with_square(best, clean, numbers[left, drawn], _side(query, queries, images), epsilon)
        margins, wrong = _ask(network, tried, labels)
        better = (margins < lowest) | wrong
        best = torch.where(better[:, None, None, None], tried, best)
        lowest = torch.where(better, margins, lowest)
        adversarial[left], fooled[left] = best, wrong
        left, clean, labels, best, lowest = (kept[~wrong] for kept in (left, clean, labels, best, lowest))
    return adversarial, fooled


def _ask(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """The margins of the true classes, and which images are misclassified."""
    with torch.inference_mode():
        logits = network(images)
        margins, wrong = logit_margins(logits, labels), misclassified(logits, labels)
    return margins.clone(), wrong.clone()


def _side(query: int, queries: int, images: Tensor) -> int:
    """The side of the squares of this query, in pixels."""
    height, width = images.shape[-2:]
    of_ten_thousand = query * 10_000 / queries
    share = FIRST_SHARE / 2 ** sum(of_ten_thousand > after for after in HALVED_AFTER)
    return min(max(round(math.sqrt(share * height * width)), 1), height, width)


def _stripes(streams: Mapping[int, Generator], clean: Tensor) -> Tensor:
    """Vertical stripes one pixel wide of −1 and 1: (N, C, 1, W)."""
    _, channels, _, width = clean.shape
    drawn = torch.stack([torch.rand(channels, 1, width, generator=source) for source in streams.values()])
    return _signs(drawn.to(clean.device))


def _numbers(streams: Mapping[int, Generator], left: Tensor, images: Tensor) -> Tensor:
    """Of each image that is left, the next numbers of its stream, in [0, 1): (all images, queries, 2 + C)."""
    numbers = torch.zeros(len(images), DRAWN_AT_ONCE, 2 + images.shape[1])
    for image in left.tolist():
        numbers[image] = torch.rand(numbers.shape[1:], generator=streams[image])
    return numbers.to(images.device)


def _with_square(best: Tensor, clean: Tensor, numbers: Tensor, side: int, epsilon: float) -> Tensor:
    """The best images so far with a square in each: the clean pixels ± ε there, a sign a channel.

    ``numbers``: (N, 2 + C) in [0, 1): where the square's first row and column are, then the signs.
    """
    height, width = clean.shape[-2:]
    rows = _span(numbers[:, 0], side, height)[:, None, :, None]
    columns = _span(numbers[:, 1], side, width)[:, None, None, :]
    shifted = (clean + epsilon * _signs(numbers[:, 2:, None, None])).clamp_(0, 1)
    return torch.where(rows & columns, shifted, best)


def _span(numbers: Tensor, side: int, length: int) -> Tensor:
    """Which of ``length`` pixels lie in a span of ``side`` that begins anywhere where it fits: bool (N, length)."""
    first = (numbers * (length - side + 1)).long()[:, None]
    pixels = torch.arange(length, device=numbers.device)
    return (pixels >= first) & (pixels < first + side)


def _signs(numbers: Tensor) -> Tensor:
    return torch.where(numbers < 0.5, -1.0, 1.0)
