"""Error messages of trials, which give the cause behind the exceptions of libraries."""

from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import pytest
import torch

from prunesweep.results_store import Store
from prunesweep.sweeps.catalogue import CRITERIA
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset, run_trial
from prunesweep.workers import trial as trial_module
from prunesweep.workers.architectures.network import Network, new_network
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.split import Split
from prunesweep.workers.pruning import round as pruning
from prunesweep.workers.pruning.round import prune
from prunesweep.workers.training.loop import train
from prunesweep.workers.work import TrialError, Work
from tests.helpers.trees import tree_of

SWEEP = f"""
name: unsound
dataset: {{name: digits}}
baseline: {{epochs: 1, batch_size: 32}}
adjustment: {{epochs: 1, batch_size: 32}}
pruning: {{scoring_images: 16}}
axes: {{architecture: resnet20, structure: [filters, layers], criterion: [{", ".join(CRITERIA)}]}}
attacks: {{fgsm: {{epsilons: [8/255]}}}}
"""
PRUNED = {f"{trial.structure} {trial.criterion}": trial for trial in tree_of(SWEEP) if trial.structure != "none"}


@pytest.fixture(scope="module")
def data() -> Dataset:
    loaded = load_dataset(parse_sweep(SWEEP).dataset)
    return replace(loaded, train=Split(loaded.train.read(slice(0, 64)), loaded.train.labels[:64]))


def network() -> Network:
    generator = torch.Generator().manual_seed(0)
    return new_network("resnet20", 10, 16, (0.5,) * 3, (0.2,) * 3, generator=generator).eval()


def set_parameters_to_nan(network: Network) -> None:
    with torch.no_grad():
        network.get_parameter("body.layer1.0.conv1.weight").fill_(float("nan"))


def overflow_activations(network: Network) -> None:
    """Make the activations not finite, with finite parameters."""
    with torch.no_grad():
        for path in ("body.conv1.weight", "body.bn1.weight", "body.layer1.0.conv1.weight"):
            network.get_parameter(path).fill_(1e38)


def zero_parameters(network: Network) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()


def prune_with(trial: Trial, network: Network, data: Dataset) -> None:
    store = Store(f"memory://{uuid4().hex}")
    prune(network, Work(trial, store, data, lambda event: None, lambda: False))


@pytest.mark.parametrize("name", PRUNED)
@pytest.mark.parametrize(
    ("break_network", "expected"),
    [
        (set_parameters_to_nan, "parameters of the network before this round are not finite"),
        (overflow_activations, "activations of the network before this round are not finite"),
        (zero_parameters, "gives all images the same logits"),
    ],
)
def test_the_message_says_why_a_network_cannot_be_scored(
    name: str, break_network: Callable[[Network], None], expected: str, data: Dataset
) -> None:
    broken = network()
    break_network(broken)
    try:
        prune_with(PRUNED[name], broken, data)
    except TrialError as error:  # and no other exception
        message = str(error)
        assert message.startswith(f"criterion {PRUNED[name].criterion}: ") and expected in message
        assert "\n" not in message and "Error" not in message
    else:
        assert break_network is zero_parameters or PRUNED[name].criterion in ("random", "l1"), (
            "only these do not depend on activations"
        )


@pytest.mark.parametrize("structure", ["filters", "layers"])
def test_scoring_images_of_one_class_are_an_error(structure: str, data: Dataset) -> None:
    one_class = replace(data, train=Split(data.train.read(slice(None)), torch.zeros(64, dtype=torch.int64)))
    with pytest.raises(TrialError, match=r"criterion pls: .*all 16 training images .* raise pruning\.scoring_images"):
        prune_with(PRUNED[f"{structure} pls"], network(), one_class)


def test_bugs_are_not_turned_into_trial_errors(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    class Criterion:
        def score_filters(self, *_: object) -> None:
            raise ValueError("an index of ours is wrong")

    monkeypatch.setattr(pruning, "resolve", lambda code: Criterion())
    with pytest.raises(ValueError, match="an index of ours"):
        prune_with(PRUNED["filters l1"], network(), data)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB"), MemoryError()])
def test_the_message_about_full_memory_says_what_to_do(
    error: Exception, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(trial_module, "make_baseline", full)
    baseline = next(iter(tree_of(SWEEP)))
    with pytest.raises(TrialError, match=r"the memory of the CPU is full; lower baseline\.batch_size"):
        run_trial(baseline, Store(f"memory://{uuid4().hex}"), data)


@pytest.mark.parametrize("block", ["baseline", "adjustment"])
def test_the_message_about_divergence_has_the_epoch_the_rate_and_the_key_to_lower(block: str, data: Dataset) -> None:
    """The loss is nan, because activations are not finite."""
    tree = tree_of(SWEEP, "baseline.mean=[0, 0, 0]", "baseline.std=[1, 1, 1]", "axes.structure=filters")
    baseline = next(iter(tree))
    trial = baseline if block == "baseline" else next(trial for trial in tree if trial.is_control)
    broken = network()
    overflow_activations(broken)
    work = Work(trial, Store(f"memory://{uuid4().hex}"), data, lambda event: None, lambda: False)
    assert trial.round.training is not None
    with pytest.raises(TrialError) as refused:
        train(broken, trial.round.training, work)
    rate = {"baseline": "0.1", "adjustment": "0.01"}[block]
    message = (
        f"training diverged: the loss of epoch 1 is nan, at a learning rate from {rate}; lower {block}.learning_rate"
    )
    assert str(refused.value) == message
