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

# The first squares' share of the image's area: that of the authors' evaluations on CIFAR-10, and of AutoAttack.
INITIAL_AREA_SHARE = 0.8
# The share is halved after these of 10,000 queries; with fewer queries, proportionally sooner (§3.2 and their code).
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
    """Return images within ε of ``images`` with a lower margin of the true class, and which fool the network.

    The first query of each image adds vertical stripes of ±ε, with one sign for each column and channel. Each further
    query adds a square at a random position, with one sign for each channel (Algorithm 2), and is accepted if the
    margin falls. The network is only called, under inference mode: it needs no gradient. Fooled images leave the
    batch; an image that is misclassified without an attack is not attacked.

    Args:
        network: images to logits.
        images: float32 (N, C, H, W) in [0, 1].
        labels: the true classes, int64 (N,).
        indices: (N,) selects each image's random stream, so that its numbers do not depend on the rest of the batch.
        epsilon: the radius of the ball, in (0, 1].
        queries: the number of queries per image, at least 1, without the one that classifies the clean image.
        check_stop: called before each query; may raise.

    Returns:
        The images, float32 (N, C, H, W) in [0, 1], for an image that was not fooled the one with the lowest margin; and
        which are fooled, bool (N,).
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
    """Return the margin of each image's true class, float32 (N,), and which images are misclassified, bool (N,)."""
    with torch.inference_mode():
        logits = network(images)
        margins, fooled = logit_margins(logits, labels), misclassified(logits, labels)
    return margins.clone(), fooled.clone()


def _square_side(query: int, queries: int, images: Tensor) -> int:
    """Return the side of the squares of a query, in pixels.

    Args:
        query: the number of the query, from 1.
        queries: the number of all queries.
        images: (N, C, H, W), of which only the shape counts.
    """
    height, width = images.shape[-2:]
    of_ten_thousand = query * 10_000 / queries
    share = INITIAL_AREA_SHARE / 2 ** sum(of_ten_thousand > after for after in HALVING_QUERIES)
    return min(max(round(math.sqrt(share * height * width)), 1), height, width)


def _draw_stripes(streams: Mapping[int, Generator], clean: Tensor) -> Tensor:
    """Return vertical stripes one pixel wide of −1 and 1, (N, C, 1, W)."""
    _, channels, _, width = clean.shape
    drawn = torch.stack([torch.rand(channels, 1, width, generator=source) for source in streams.values()])
    return _to_signs(drawn.to(clean.device))


def _draw_numbers(streams: Mapping[int, Generator], remaining: Tensor, images: Tensor) -> Tensor:
    """Draw the random numbers of the next queries, each remaining image's from its own stream.

    Args:
        streams: the random stream of each image, by its index in the batch.
        remaining: indices of the images to draw for.
        images: all images, (N, C, H, W).

    Returns:
        Numbers in [0, 1), float32 (N, QUERIES_PER_DRAW, 2 + C); 0 for images that no longer remain.
    """
    numbers = torch.zeros(len(images), QUERIES_PER_DRAW, 2 + images.shape[1])
    for image in remaining.tolist():
        numbers[image] = torch.rand(numbers.shape[1:], generator=streams[image])
    return numbers.to(images.device)


def _add_squares(best: Tensor, clean: Tensor, numbers: Tensor, side: int, epsilon: float) -> Tensor:
    """Return the best images so far with a square in each, whose pixels are the clean ones ± ε.

    Args:
        best: (N, C, H, W) in [0, 1].
        clean: (N, C, H, W) in [0, 1].
        numbers: (N, 2 + C) in [0, 1): the square's first row and column, then one sign for each channel.
        side: the side of the squares in pixels.
        epsilon: the radius of the ball.
    """
    height, width = clean.shape[-2:]
    rows = _random_span(numbers[:, 0], side, height)[:, None, :, None]
    columns = _random_span(numbers[:, 1], side, width)[:, None, None, :]
    shifted = (clean + epsilon * _to_signs(numbers[:, 2:, None, None])).clamp_(0, 1)
    return torch.where(rows & columns, shifted, best)


def _random_span(numbers: Tensor, side: int, length: int) -> Tensor:
    """Return which of ``length`` pixels lie in a span of ``side`` pixels at a random position, bool (N, length).

    Args:
        numbers: (N,) in [0, 1): from the first to the last position at which the span fits.
        side: the length of the span in pixels.
        length: the number of pixels in a row or column.
    """
    first = (numbers * (length - side + 1)).long()[:, None]
    pixels = torch.arange(length, device=numbers.device)
    return (pixels >= first) & (pixels < first + side)


def _to_signs(numbers: Tensor) -> Tensor:
    """Return −1 or 1 for each number in [0, 1)."""
    return torch.where(numbers < 0.5, -1.0, 1.0)
