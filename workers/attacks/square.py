"""The Square Attack in the L∞ ball (Andriushchenko et al. 2020): a random search that uses logits alone."""

import math
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Generator, Tensor, nn

from prunesweep.sweeps.attacks import Square
from prunesweep.workers.attacks.losses import logit_margins, misclassified
from prunesweep.workers.attacks.subject import Evaluation, Subject
from prunesweep.workers.attacks.worst_case import Search, evaluate_epsilons
from prunesweep.workers.random_streams import stream

# The share of the image's area that the first squares cover, as in the authors' CIFAR-10 evaluations and AutoAttack.
INITIAL_AREA_SHARE = 0.8
# With 10,000 queries, the share is halved after these queries; with fewer, proportionally sooner (§3.2 and their code).
HALVING_QUERIES = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
QUERIES_PER_DRAW = 256


def square(subject: Subject, settings: Square) -> Evaluation:
    """Evaluate the network under the Square Attack within each ε."""

    def search_at(epsilon: float) -> Search:
        return partial(
            square_images, subject.network, epsilon=epsilon, queries=settings.queries, check_stop=subject.check_stop
        )

    return evaluate_epsilons("square", subject, settings, search_at)


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
    """Return images within ε of ``images`` with a lower margin, and a mask of those that fool the network.

    The margin is the logit of the true class minus the largest other logit. The first query of each image adds
    vertical stripes of ±ε, with one sign for each column and channel. Each further query adds a square of ±ε at a
    random position, with one sign for each channel (Algorithm 2); the square is kept if the margin falls. The attack
    needs no gradient and runs the network in torch's inference mode. An image leaves the batch as soon as it fools the
    network. An image that is misclassified without an attack is not attacked.

    Args:
        network: the network, from images to logits.
        images: float32 (N, C, H, W) in [0, 1].
        labels: the true classes, int64 (N,).
        indices: (N,), the index of each image in its data set. An image's random numbers depend on its index, not on
            the rest of the batch.
        epsilon: the radius of the ball, in (0, 1].
        queries: the number of queries per image, at least 1. The query that classifies the clean image does not count.
        check_stop: called before each query; it may raise to end the attack.

    Returns:
        The images, float32 (N, C, H, W) in [0, 1], and a mask, bool (N,), of those that fool the network. If no version
        of an image fools the network, the version with the lowest margin is returned.
    """
    adversarial = images.clone()
    _, fooled = _query(network, images, labels)
    remaining = torch.nonzero(~fooled)[:, 0]  # indices of images not fooled yet; the tensors below are in their order
    streams = {image: stream("square", int(indices[image])) for image in remaining.tolist()}
    clean, labels = images[remaining], labels[remaining]
    best = (clean + epsilon * _draw_stripes(streams, clean)).clamp_(0, 1) if streams else clean
    lowest = torch.full((len(remaining),), float("inf"), device=images.device)
    numbers = torch.empty(0)
    for query in range(queries):
        if len(remaining) == 0:
            break
        check_stop()
        if query == 0:
            queried = best
        else:
            drawn = (query - 1) % QUERIES_PER_DRAW
            if drawn == 0:
                numbers = _draw_numbers(streams, remaining, images)
            queried = _add_squares(
                best, clean, numbers[remaining, drawn], _square_side(query, queries, images), epsilon
            )
        margins, now_fooled = _query(network, queried, labels)
        better = (margins < lowest) | now_fooled
        best = torch.where(better[:, None, None, None], queried, best)
        lowest = torch.where(better, margins, lowest)
        adversarial[remaining], fooled[remaining] = best, now_fooled
        remaining, clean, labels, best, lowest = (
            tensor[~now_fooled] for tensor in (remaining, clean, labels, best, lowest)
        )
    return adversarial, fooled


def _query(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the margin of each image's true class, float32 (N,), and a mask of the misclassified images, bool (N,)."""
    with torch.inference_mode():
        logits = network(images)
        margins, fooled = logit_margins(logits, labels), misclassified(logits, labels)
    return margins.clone(), fooled.clone()


def _square_side(query: int, queries: int, images: Tensor) -> int:
    """Return the side in pixels of the squares that a query adds.

    Args:
        query: the number of the query. Query 0 adds stripes, so the first squares are those of query 1.
        queries: the number of queries per image.
        images: (N, C, H, W). Only its shape is used.
    """
    height, width = images.shape[-2:]
    of_ten_thousand = query * 10_000 / queries
    share = INITIAL_AREA_SHARE / 2 ** sum(of_ten_thousand > after for after in HALVING_QUERIES)
    return min(max(round(math.sqrt(share * height * width)), 1), height, width)


def _draw_stripes(streams: Mapping[int, Generator], clean: Tensor) -> Tensor:
    """Draw a sign, −1 or 1, for each column and channel of each image, (N, C, 1, W): vertical stripes."""
    _, channels, _, width = clean.shape
    drawn = torch.stack([torch.rand(channels, 1, width, generator=source) for source in streams.values()])
    return _to_signs(drawn.to(clean.device))


def _draw_numbers(streams: Mapping[int, Generator], remaining: Tensor, images: Tensor) -> Tensor:
    """Draw the random numbers of the next ``QUERIES_PER_DRAW`` queries, each image's from its own random stream.

    Args:
        streams: the random stream of each image, by its index in the batch.
        remaining: indices of the images to draw for.
        images: all images, (N, C, H, W).

    Returns:
        Numbers in [0, 1), float32 (N, QUERIES_PER_DRAW, 2 + C). They are 0 for images not in ``remaining``.
    """
    numbers = torch.zeros(len(images), QUERIES_PER_DRAW, 2 + images.shape[1])
    for image in remaining.tolist():
        numbers[image] = torch.rand(numbers.shape[1:], generator=streams[image])
    return numbers.to(images.device)


def _add_squares(best: Tensor, clean: Tensor, numbers: Tensor, side: int, epsilon: float) -> Tensor:
    """Return the best images so far, each with a new square in which every pixel is the clean pixel ± ε.

    Args:
        best: the images with the lowest margin so far, (N, C, H, W) in [0, 1].
        clean: the clean images, (N, C, H, W) in [0, 1].
        numbers: random numbers, (N, 2 + C) in [0, 1). The first two select the square's row and column, the others the
            sign in each channel.
        side: the side of the squares in pixels.
        epsilon: the radius of the ball.
    """
    height, width = clean.shape[-2:]
    rows = _random_span(numbers[:, 0], side, height)[:, None, :, None]
    columns = _random_span(numbers[:, 1], side, width)[:, None, None, :]
    shifted = (clean + epsilon * _to_signs(numbers[:, 2:, None, None])).clamp_(0, 1)
    return torch.where(rows & columns, shifted, best)


def _random_span(numbers: Tensor, side: int, length: int) -> Tensor:
    """Return a mask, bool (N, length), of ``side`` consecutive pixels at a random position in a row or column.

    Args:
        numbers: (N,) in [0, 1). They select the position; 0 is the first one at which the span fits, near 1 the last.
        side: the length of the span in pixels.
        length: the number of pixels in the row or column.
    """
    first = (numbers * (length - side + 1)).long()[:, None]
    pixels = torch.arange(length, device=numbers.device)
    return (pixels >= first) & (pixels < first + side)


def _to_signs(numbers: Tensor) -> Tensor:
    """Return −1 or 1 for each number in [0, 1)."""
    return torch.where(numbers < 0.5, -1.0, 1.0)
