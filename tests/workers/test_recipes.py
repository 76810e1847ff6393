"""Training recipes: how each changes a batch, and that each trains a different and reproducible baseline."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from prunesweep.results_store import Store
from prunesweep.sweeps.catalogue import RECIPES, resolve
from prunesweep.sweeps.language import AdversarialTraining, Training
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset, run_trial
from prunesweep.workers.architectures.network import Network, new_network
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.random_streams import stream
from prunesweep.workers.training.loop import augmented_batches, train
from prunesweep.workers.work import Stopped, Work

MIXING = ("mixup", "cutmix")
SWEEP = """
name: recipes
dataset: {name: digits, size: 16, train_limit: 130, test_limit: 40}
baseline: {epochs: 2, learning_rate: 0.05, batch_size: 64, adversarial: {epsilon: 16/255, steps: 2}}
adjustment: {epochs: 1, batch_size: 64}
axes: {architecture: resnet20, iterations: 0, recipe: [plain, cutout, mixup, cutmix, adversarial]}
attacks: {fgsm: {epsilons: [8/255]}}
"""


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset(parse_sweep(SWEEP).dataset)


def baselines(*overrides: str) -> dict[str, Trial]:
    tree = grow_tree(parse_sweep(SWEEP, overrides))
    return {trial.recipe: trial for trial in tree if trial.is_baseline}


@pytest.fixture(scope="module")
def trained(data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with the baseline of each recipe."""
    store = Store(str(tmp_path_factory.mktemp("recipes")))
    for trial in baselines().values():
        run_trial(trial, store, data)
    return store


def weights(store: Store, trial: Trial) -> Mapping[str, np.ndarray]:
    return store.load_network(trial.key)[0]


def same(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all((first[name] == second[name]).all() for name in first)


@pytest.fixture
def network(random_network: Callable[..., Network]) -> Network:
    return random_network("resnet20").train()


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    """Eight images without a black pixel, of three classes."""
    images = torch.rand(8, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 0.9 + 0.05
    return images, torch.arange(8) % 3


def prepare(
    recipe: str,
    network: Network,
    batch: tuple[Tensor, Tensor],
    generator: torch.Generator | None = None,
    **settings: Any,
) -> tuple[Tensor, Tensor]:
    function = resolve(RECIPES[recipe].code)
    training = Training(recipe=recipe, **settings)
    prepared: tuple[Tensor, Tensor] = function(network, *batch, training, generator or stream("test", 0))
    return prepared


# One batch


@pytest.mark.parametrize("recipe", RECIPES)
def test_images_keep_their_shape_and_range_and_targets_their_meaning(
    recipe: str, network: Network, batch: tuple[Tensor, Tensor]
) -> None:
    images, labels = batch
    original = images.clone()
    prepared, targets = prepare(recipe, network, batch)
    assert prepared.shape == images.shape and prepared.dtype == torch.float32 and not prepared.requires_grad
    assert prepared.min() >= 0 and prepared.max() <= 1
    assert torch.equal(images, original), "the batch itself does not change"
    assert torch.equal(prepared, images) == (recipe == "plain")
    if recipe in MIXING:
        assert targets.shape == (8, 3)
        torch.testing.assert_close(targets.sum(1), torch.ones(8))
    else:
        assert torch.equal(targets, labels)
    assert torch.isfinite(cross_entropy(network(prepared), targets, label_smoothing=0.1))


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "plain"])
def test_random_numbers_come_from_the_stream_and_leave_the_global_state(
    recipe: str, network: Network, batch: tuple[Tensor, Tensor]
) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = prepare(recipe, network, batch)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    again, other = prepare(recipe, network, batch), prepare(recipe, network, batch, stream("test", 1))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])


def test_cutout_erases_a_square_of_half_the_side_in_half_of_the_images(network: Network) -> None:
    """At a different position in each image, and with the mean colour, which is 0 after normalisation."""
    images = torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    prepared, _ = prepare("cutout", network, (images, torch.zeros(40, dtype=torch.int64)))
    mean = torch.tensor(network.spec.mean)[:, None, None]
    positions = []
    for image, original in zip(prepared, images, strict=True):
        erased = (image == mean).all(0)
        assert torch.equal(image[:, ~erased], original[:, ~erased])
        if erased.any():
            rows, columns = torch.nonzero(erased, as_tuple=True)
            top, left = int(rows.min()), int(columns.min())
            assert erased[top : top + 8, left : left + 8].all() and erased.sum() == 64
            positions.append((top, left))
    assert 10 < len(positions) < 30 and len(set(positions)) > 8


def test_mixup_mixes_neighbours_and_their_labels_with_one_weight(
    network: Network, batch: tuple[Tensor, Tensor]
) -> None:
    images, labels = batch
    prepared, targets = prepare("mixup", network, batch)
    share = float(targets[0, labels[0]])
    assert 0 < share < 1
    torch.testing.assert_close(prepared, share * images + (1 - share) * images.roll(1, 0))
    classes = one_hot(labels, 3).float()
    torch.testing.assert_close(targets, share * classes + (1 - share) * classes.roll(1, 0))


def test_cutmix_inserts_a_patch_and_its_share_of_the_label(network: Network, batch: tuple[Tensor, Tensor]) -> None:
    images, labels = batch
    prepared, targets = prepare("cutmix", network, batch)
    foreign = (prepared != images).any(1)
    assert 0 < foreign[0].sum() < 256
    assert (foreign == foreign[0]).all(), "one patch per batch"
    assert torch.equal(prepared, torch.where(foreign[:, None], images.roll(1, 0), images))
    own_share = 1 - foreign[0].float().mean()
    torch.testing.assert_close(targets[0, labels[0]], own_share)


@pytest.mark.parametrize("attack", [{"steps": 7}, {"steps": 1}, {"steps": 3, "step_size": 0.5}])
def test_adversarial_images_stay_in_the_ball_and_raise_the_loss(
    attack: dict[str, Any], network: Network, batch: tuple[Tensor, Tensor]
) -> None:
    images, labels = batch
    settings = AdversarialTraining(epsilon=4 / 255, **attack)
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    prepared, _ = prepare("adversarial", network, batch, adversarial=settings)
    assert (prepared - images).abs().max() <= 4 / 255 + 1e-6
    assert network.training and all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert cross_entropy(network(prepared), labels) > 1.1 * cross_entropy(network(images), labels)


def test_one_step_of_adversarial_training_is_fast_fgsm_from_the_same_start(
    network: Network, batch: tuple[Tensor, Tensor]
) -> None:
    """Wong et al. 2020, algorithm 3: δ ← U(−ε, ε); δ ← δ + α sign ∇ loss(x + δ); δ ← clip(δ, −ε, ε); α = 1.25 ε."""
    images, labels = batch
    epsilon = 0.1
    delta = torch.empty(images.shape).uniform_(-epsilon, epsilon, generator=stream("test", 0))
    delta = ((images + delta).clamp(0, 1) - images).requires_grad_()
    cross_entropy(network(images + delta), labels).backward()
    assert delta.grad is not None
    delta = (delta.detach() + 1.25 * epsilon * delta.grad.sign()).clamp(-epsilon, epsilon)
    prepared, _ = prepare("adversarial", network, batch, adversarial=AdversarialTraining(epsilon=epsilon, steps=1))
    close = ((images + delta).clamp(0, 1) - prepared).abs() < 1e-5
    assert close.float().mean() > 0.999  # a gradient of about zero may have either sign


@pytest.mark.parametrize(
    ("settings", "step_size"),
    [({}, 2.5 / 7 * 8 / 255), ({"steps": 1}, 10 / 255), ({"steps": 10, "step_size": 0.01}, 0.01)],
)
def test_default_step_sizes(settings: dict[str, Any], step_size: float) -> None:
    assert AdversarialTraining(**settings).effective_step_size == pytest.approx(step_size)


# Training


def test_each_recipe_trains_a_different_network(trained: Store, data: Dataset) -> None:
    networks = {name: weights(trained, trial) for name, trial in baselines().items()}
    assert list(networks) == list(RECIPES)
    for name, network in networks.items():
        assert all(np.isfinite(array).all() for array in network.values())
        assert name == "plain" or not same(network, networks["plain"])
        result = trained.result(baselines()[name].key)
        assert result["settings"]["recipe"] == name
        assert result["history"][1]["loss"] < result["history"][0]["loss"] + 0.2
        assert all(0 <= epoch["accuracy"] <= 1 for epoch in result["history"])


def test_the_loss_uses_mixed_labels_and_the_accuracy_true_ones(data: Dataset, tmp_path: Path) -> None:
    """In one epoch of one batch, whose loss and accuracy are those of the untrained network."""
    trial = baselines("baseline.epochs=1", "baseline.batch_size=130", "baseline.label_smoothing=0.1")["mixup"]
    training = trial.round.training
    assert training is not None
    work = Work(trial, Store(str(tmp_path)), data, lambda event: None, lambda: False)
    half = (0.5, 0.5, 0.5)
    network = new_network("resnet20", 10, 16, half, half, generator=stream("test"))
    before = copy.deepcopy(network)
    (epoch,) = train(network, training, work)
    ((images, labels),) = augmented_batches(work, training, stream("training", 0, 0, 0))
    prepared, targets = prepare("mixup", before, (images, labels), generator=stream("recipe", 0, 0, 0))
    logits = before(prepared)
    assert epoch["loss"] == pytest.approx(cross_entropy(logits, targets, label_smoothing=0.1).item(), rel=1e-4)
    assert epoch["accuracy"] == pytest.approx((logits.argmax(1) == labels).float().mean().item(), abs=0.01)


@pytest.mark.parametrize("recipe", ["cutmix", "adversarial"])
def test_an_interrupted_training_ends_with_the_same_bits(
    recipe: str, trained: Store, data: Dataset, tmp_path: Path
) -> None:
    trial, store = baselines()[recipe], Store(str(tmp_path))
    with pytest.raises(Stopped):
        run_trial(trial, store, data, should_stop=lambda: True)
    torch.rand(5)
    run_trial(trial, store, data)
    assert same(weights(store, trial), weights(trained, trial))


def test_fine_tuning_uses_the_plain_recipe_unless_the_baselines_is_set(trained: Store, data: Dataset) -> None:
    axes = ["axes.iterations=1", "axes.recipe=cutmix", "axes.criterion=l1", "pruning.scoring_images=8"]
    networks = []
    for recipe in ("plain", "baseline"):
        *_, trial = grow_tree(parse_sweep(SWEEP, [*axes, f"adjustment.recipe={recipe}"]))
        assert trial.structure == "filters" and trial.baseline.key == baselines()["cutmix"].key
        assert trial.round.training is not None
        assert trial.round.training.recipe == ("plain" if recipe == "plain" else "cutmix")
        run_trial(trial, trained, data)
        networks.append(weights(trained, trial))
    assert not same(*networks)


@pytest.mark.full
def test_adversarial_training_increases_robustness(data: Dataset, tmp_path: Path) -> None:
    """On real images, compared with the baseline that is trained without attacks."""
    changes = ["baseline.epochs=12", "dataset.train_limit=600", "dataset.test_limit=200"]
    adversarial = [*changes, "axes.recipe=adversarial", "baseline.adversarial={epsilon: 16/255, steps: 1}"]
    trials = baselines(*adversarial, "attacks={fgsm: {epsilons: [16/255], headline: 16/255}}")
    images, store = load_dataset(parse_sweep(SWEEP, changes).dataset), Store(str(tmp_path))
    correct = {}
    for name, trial in trials.items():
        run_trial(trial, store, images)
        correct[name] = store.result(trial.evaluation_key("fgsm"))["counts"][0]["correct"][0]
    assert correct["adversarial"] > correct["plain"] + 20, correct
