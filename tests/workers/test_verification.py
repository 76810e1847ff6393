"""The evidence: smallest ε against a search of the whole grid, who is attacked with what, and what is shown to whom."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from prunesweep.sweeps.analyses import Effort
from prunesweep.workers.analyses.robustness import network_comparison as gather
from prunesweep.workers.analyses.robustness.network_comparison import NetworkComparison, spread
from prunesweep.workers.analyses.robustness.own_attacks import (
    AttackSample,
    CraftedImages,
    OwnAttackOutcomes,
    attack_alone,
    attack_by_transfer,
)
from prunesweep.workers.analyses.robustness.smallest_epsilon import GRID, NoEpsilon, graded_epsilons, smallest_epsilons
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.pgd import pgd_images

IMAGES = 24
EFFORT = Effort(steps=3, restarts=1, queries=5, subset=10)


class Linear(nn.Module):
    """Two classes by the mean of all pixels; the logits are ±(mean − ½)."""

    def forward(self, images: Tensor) -> Tensor:
        brighter = images.flatten(1).mean(1) - 0.5
        return torch.stack([-brighter, brighter], 1)


def grey(levels: list[float], side: int = 16) -> Tensor:
    return torch.tensor(levels)[:, None, None, None].expand(-1, 3, side, side).clone()


def bright_sample(levels: list[float]) -> AttackSample:
    """Grey images with their right classes under ``Linear``."""
    images = grey(levels)
    return AttackSample(images, (images.flatten(1).mean(1) > 0.5).long(), torch.arange(len(levels)))


def test_the_smallest_epsilon_by_hand() -> None:
    """A grey image of brightness ½ + d is fooled as soon as ε passes d."""
    sample = bright_sample([0.5 + 3 / 255, 0.5 - 1.2 / 255, 0.5 + 20 / 255, 0.99])
    labels = sample.labels.clone()
    labels[1] = 1 - labels[1]  # wrong unattacked
    found = smallest_epsilons(Linear(), sample.images, labels, sample.indices, steps=10)
    expected = [next(epsilon for epsilon in GRID if epsilon > distance / 255) for distance in (3, 20)]
    assert found.tolist() == [expected[0], 0.0, expected[1], np.inf]


def test_bisection_finds_what_the_whole_grid_does(random_network: Callable[..., Network]) -> None:
    network = random_network("resnet20")
    images = torch.rand(IMAGES, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        labels = network(images).argmax(1)
    indices = torch.arange(IMAGES)
    fooled = torch.stack(
        [pgd_images(network, images, labels, indices, epsilon=e, steps=4, loss="margin")[1] for e in GRID]
    )
    found = smallest_epsilons(network, images, labels, indices, steps=4)
    monotone = (fooled.int().diff(dim=0) >= 0).all(0)
    assert monotone.sum() > IMAGES // 2
    for image in torch.nonzero(monotone)[:, 0].tolist():
        first = next((e for e, is_fooled in zip(GRID, fooled[:, image], strict=True) if is_fooled), np.inf)
        assert found[image] == first
    assert len(np.unique(found)) > 2


def test_the_graded_epsilons_keep_two_thirds_and_one_third() -> None:
    """Twelve images: two wrong unattacked, then two at each of five values of the grid."""
    smallest = np.repeat([0.0, *GRID[4:9]], 2)
    # Above GRID[4] eight of twelve are left, above GRID[6] four.
    assert graded_epsilons(smallest) == (GRID[4], GRID[6])


def test_one_epsilon_where_both_agree() -> None:
    assert graded_epsilons(np.repeat([GRID[2], GRID[7]], 6)) == (GRID[2],)


@pytest.mark.parametrize("smallest", [[np.inf] * 10, [0.0] * 10, [0.0] * 19 + [GRID[3]]])
def test_a_baseline_that_keeps_all_or_nothing_is_refused(smallest: list[float]) -> None:
    with pytest.raises(NoEpsilon, match="10–90 %"):
        graded_epsilons(np.array(smallest))


def test_spread_takes_images_from_everywhere() -> None:
    assert torch.nonzero(spread(10, 3))[:, 0].tolist() == [0, 3, 6]
    assert spread(5, 9).all()


@pytest.fixture(scope="module")
def bench() -> NetworkComparison:
    sample = bright_sample([0.5 + sign * (1.1 + index) / 255 for index in range(IMAGES // 2) for sign in (-1, 1)])
    return NetworkComparison(sample.images, sample.labels, sample.indices, EFFORT)


def test_who_is_attacked_with_what(bench: NetworkComparison) -> None:
    evidence = bench.compare(Linear(), Linear(), Linear())
    assert set(evidence.networks) == {"network", "baseline", "control"}
    assert evidence.classes == 2 and evidence.images == IMAGES
    subset = spread(IMAGES, EFFORT.subset).numpy()
    for name, network in evidence.networks.items():
        assert network.clean.all() and len(network.smallest) == EFFORT.subset
        by_attack = {(outcome.attack, outcome.epsilon): outcome for outcome in network.outcomes}
        assert len(by_attack) == len(network.outcomes), "no attack twice within one ε"
        for (attack, epsilon), outcome in by_attack.items():
            assert (outcome.correct | outcome.attacked).all(), "what was not attacked is not fooled"
            if attack.startswith(("pgd", "fgsm")):
                everyone = epsilon in (*evidence.epsilons, evidence.headline)
                assert (outcome.attacked == (True if everyone else subset)).all()
            if attack == "square":
                gradients = [by_attack[other, epsilon].correct for other in ("fgsm", "pgd", "pgd_margin")]
                assert not (outcome.attacked & ~np.logical_and.reduce([*gradients, subset])).any()
        others = {attack.removeprefix("transfer_from_") for attack, _ in by_attack if attack.startswith("transfer")}
        assert others == set(evidence.networks) - {name}
    # All three decide alike, so each is fooled by what fools the others.
    for epsilon in evidence.epsilons:
        worst = [network.worst_case(epsilon) for network in evidence.networks.values()]
        assert (worst[0] == worst[1]).all() and 0 < worst[0].sum() < IMAGES


def test_no_epsilon_is_attacked_within_twice_where_the_far_one_is_everything() -> None:
    """A baseline so robust that four times its largest graded ε is more than grey needs."""
    sample = bright_sample([0.5 + sign * (20 + 2 * index) / 255 for index in range(12) for sign in (-1, 1)])
    evidence = NetworkComparison(sample.images, sample.labels, sample.indices, EFFORT).compare(Linear(), Linear())
    assert evidence.far == evidence.everything
    outcomes = evidence.networks["network"].outcomes
    assert len({(outcome.attack, outcome.epsilon) for outcome in outcomes}) == len(outcomes)


def test_the_worst_case_of_a_linear_network_by_hand(bench: NetworkComparison) -> None:
    """An image of distance d from the boundary stands within ε where d > ε."""
    evidence = bench.compare(Linear(), Linear())
    distances = np.repeat(1.1 + np.arange(IMAGES // 2), 2) / 255
    for epsilon in evidence.epsilons:
        np.testing.assert_array_equal(evidence.networks["network"].worst_case(epsilon), distances > epsilon)
    assert not evidence.networks["network"].outcome("pgd", 0.5).correct[spread(IMAGES, EFFORT.subset).numpy()].any()


def test_images_crafted_on_another_count_where_they_were_crafted() -> None:
    sample = bright_sample([0.6, 0.6, 0.4, 0.4])
    attacked = torch.tensor([True, False, True, False])
    everyone = torch.ones(4, dtype=torch.bool)
    harmless = CraftedImages(0.1, everyone, sample.images)
    crafted = (
        CraftedImages(0.1, attacked, grey([0.45, 0.45])),
        CraftedImages(0.1, ~attacked, grey([0.7, 0.6])),
        harmless,
    )
    (outcome,) = attack_by_transfer(Linear(), sample, crafted, "transfer_from_baseline")
    assert outcome.attacked.all() and outcome.correct.tolist() == [False, True, True, False]
    (part,) = attack_by_transfer(Linear(), sample, crafted[:1], "transfer_from_baseline")
    assert part.attacked.tolist() == attacked.tolist() and part.correct.tolist() == [False, True, True, True]


def test_a_baseline_is_attacked_once_for_all_its_trials(
    bench: NetworkComparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    attacked: list[nn.Module] = []

    def counted(network: nn.Module, *given: Any) -> OwnAttackOutcomes:
        attacked.append(network)
        return attack_alone(network, *given)

    monkeypatch.setattr(gather, "attack_alone", counted)
    trial, baseline = Linear(), Linear()
    first, again = bench.compare(trial, baseline), bench.compare(trial, baseline)
    assert attacked == [trial, baseline]
    assert first.to_json() == again.to_json()
    bench.forget(trial)
    bench.compare(trial, baseline)
    assert attacked[2:] == [trial]


def test_verifying_draws_from_no_global_stream(bench: NetworkComparison) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first = bench.compare(Linear(), Linear()).to_json()
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(8)
    assert bench.compare(Linear(), Linear()).to_json() == first


def test_autoattack_sees_what_still_stands() -> None:
    pytest.importorskip("pyautoattack")
    sample = bright_sample([0.5 + sign * (1 + index) / 255 for index in range(5) for sign in (-1, 1)])
    bench = NetworkComparison(
        sample.images, sample.labels, sample.indices, Effort(steps=3, restarts=1, queries=2, subset=10, autoattack=4)
    )
    evidence = bench.compare(Linear(), Linear())
    (outcome,) = (found for found in evidence.networks["network"].outcomes if found.attack == "autoattack")
    assert outcome.epsilon == max(evidence.epsilons)
    assert not outcome.attacked[4:].any(), "the first four alone"
    assert "4 images" in evidence.notes[0]
