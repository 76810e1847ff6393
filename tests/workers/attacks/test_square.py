"""The Square Attack: its parts by hand, and its strength against its authors' own code."""

from functools import partial
from typing import Any

import pytest
import torch
from pyautoattack.square import SquareAttack
from torch import Tensor, nn

from prunesweep.workers.attacks.square import _square_side, square_images
from tests.helpers.trained_networks import Trained


class BlackBox(nn.Module):
    """A network that must not be differentiated."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        assert torch.is_inference_mode_enabled()
        logits: Tensor = self.network(images)
        return logits


def attack(trained: Trained, images: slice = slice(None), **settings: Any) -> tuple[Tensor, Tensor]:
    chosen = (trained.images[images], trained.labels[images], trained.indices[images])
    return square_images(BlackBox(trained.network), *chosen, **{"epsilon": 0.1, "queries": 60, **settings})


def test_images_stay_in_the_ball_and_fooled_ones_are_misclassified(trained: Trained) -> None:
    adversarial, fooled = attack(trained)
    assert (adversarial - trained.images).abs().max() <= 0.1 + 1e-6
    assert adversarial.min() >= 0 and adversarial.max() <= 1
    with torch.no_grad():
        assert torch.equal(trained.network(adversarial).argmax(1) != trained.labels, fooled)
    pixels = adversarial.requires_grad_()
    trained.network(pixels).sum().backward()
    assert pixels.grad is not None, "a caller may differentiate further: this is not an inference tensor"
    trained.network.zero_grad()


class Bright(nn.Module):
    """A network of two classes, whose margin is 10 minus 20 times the brightness of one pixel."""

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([10 - 20 * images[:, 0, 3, 2], torch.zeros(len(images))], 1)


def test_the_first_query_adds_vertical_stripes() -> None:
    grey, labels = torch.full((4, 3, 8, 8), 0.25), torch.zeros(4).long()
    adversarial, fooled = square_images(Bright(), grey, labels, torch.arange(4), epsilon=0.125, queries=1)
    assert not fooled.any()
    stripes = adversarial - 0.25
    assert torch.equal(stripes.abs(), torch.full_like(stripes, 0.125))
    assert torch.equal(stripes, stripes[:, :, :1].expand_as(stripes)), "the same in every row"
    assert len({tuple(image.flatten().tolist()) for image in stripes}) == 4, "each image has its own stripes"


def test_a_square_is_accepted_only_if_the_margin_falls() -> None:
    grey, labels = torch.full((30, 3, 8, 8), 0.25), torch.zeros(30).long()

    def pixel(queries: int) -> Tensor:
        adversarial, _ = square_images(Bright(), grey, labels, torch.arange(30), epsilon=0.125, queries=queries)
        return adversarial[:, 0, 3, 2]

    first, later = pixel(1), pixel(600)
    assert 0 < (first < 0.25).sum() < 30
    assert (later == 0.375).all(), "the one pixel that counts is as bright as it may be"


def test_squares_have_one_sign_per_channel() -> None:
    class Recording(Bright):
        def __init__(self) -> None:
            super().__init__()
            self.queries: list[Tensor] = []

        def forward(self, images: Tensor) -> Tensor:
            self.queries.append(images)
            return super().forward(images)

    network = Recording()
    grey, labels = torch.full((1, 3, 8, 8), 0.25), torch.zeros(1).long()
    square_images(network, grey, labels, torch.arange(1), epsilon=0.1, queries=20)
    stripes, queried = network.queries[1:3]
    changed = (queried != stripes).any(1)[0]
    rows, columns = changed.any(1).nonzero(), changed.any(0).nonzero()
    square = queried[0, :, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    assert all(len(channel.unique()) == 1 for channel in square)
    assert len(network.queries) == 1 + 20, "the clean image and 20 queries"


@pytest.mark.parametrize(
    ("query", "queries", "side"),
    [
        (1, 10_000, 29),  # √(0.8 · 32 · 32) = 28.6
        (10, 10_000, 29),
        (11, 10_000, 20),  # √(0.4 · 32 · 32) = 20.2
        (1, 1000, 29),
        (2, 1000, 20),  # as query 20 of 10,000
        (8001, 10_000, 1),  # √(0.8 / 512 · 32 · 32) = 1.26
        (999, 1000, 1),
    ],
)
def test_the_squares_shrink_as_the_authors_do(query: int, queries: int, side: int) -> None:
    assert _square_side(query, queries, torch.empty(1, 3, 32, 32)) == side
    theirs = SquareAttack(None, n_queries=queries, p_init=0.8, resc_schedule=True)
    assert max(round((theirs.p_selection(query) * 32 * 32) ** 0.5), 1) == side


def test_an_images_random_numbers_do_not_depend_on_its_batch() -> None:
    grey = torch.linspace(0.2, 0.3, 9)[:, None, None, None].expand(9, 3, 8, 8)
    attack_grey = partial(square_images, Bright(), epsilon=0.1, queries=300)  # more than are drawn at once
    labels, indices = torch.zeros(9).long(), torch.arange(9)
    whole, _ = attack_grey(grey, labels, indices)
    part = slice(4, 7)
    alone, _ = attack_grey(grey[part], labels[part], indices[part])
    assert torch.equal(alone, whole[part])
    other, _ = attack_grey(grey[part], labels[part], indices[part] + 9)
    assert not torch.equal(other, alone)


def test_more_queries_fool_more_and_the_global_random_state_does_not_change(trained: Trained) -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    few, many = (int(attack(trained, queries=queries)[1].sum()) for queries in (1, 100))
    assert few < many
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("epsilon", [0.1, 0.2])
def test_the_attack_fools_as_many_images_as_the_authors_code(trained: Trained, epsilon: float) -> None:
    """The counts differ by at most 12 of 200.

    The authors' code puts the same square on all images of a batch, and varies by about 8 with its seed.
    """
    ours = int(attack(trained, epsilon=epsilon, queries=200)[1].sum())
    theirs = SquareAttack(
        trained.network, norm="Linf", n_queries=199, eps=epsilon, seed=0, p_init=0.8, resc_schedule=True, device="cpu"
    )
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        adversarial = theirs.perturb(trained.images, trained.labels)
        expected = int((trained.network(adversarial).argmax(1) != trained.labels).sum())
    assert 50 < expected < 195
    assert abs(ours - expected) <= 12
