"""Accuracies of trained networks on real CIFAR-10 images, compared with those of other tools."""

from pathlib import Path

import foolbox
import numpy as np
import pytest
import torch
from foolbox.models.pytorch import PyTorchModel

from prunesweep.orchestrator.export import export_network
from prunesweep.results_store import Store
from prunesweep.sweeps.reader import read_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset, load_network, run_trial
from prunesweep.workers.data.dataset import Dataset

# Clean and FGSM at 2, 4, 8, 16/255 on all 10,000 test images; Foolbox, torchattacks and ART give the same.
RESNET56 = {"clean": [0.9339], "fgsm": [0.3272, 0.2299, 0.1812, 0.1461]}


def baseline(shared_data: Path, architecture: str, weights: str, *changes: str) -> tuple[Trial, Dataset]:
    """A trained network as a baseline, and CIFAR-10."""
    folder = shared_data / "cifar10"
    sweep = read_sweep(
        "cifar10_pretrained",
        [
            f"dataset.train={folder / 'test.parquet'}",  # there is no training, so any images will do
            "dataset.train_limit=10",
            "dataset.allow_overlap=true",
            f"dataset.test={folder / 'test.parquet'}",
            f"baseline.weights={shared_data / 'weights' / weights}",
            f"axes.architecture={architecture}",
            "axes.iterations=0",
            "attacks={fgsm: {epsilons: [2/255, 4/255, 8/255, 16/255]}}",
            *changes,
        ],
    )
    (trial,) = grow_tree(sweep)
    return trial, load_dataset(sweep.dataset)


def test_fgsm_agrees_with_foolbox_on_an_exported_network(shared_data: Path, tmp_path: Path) -> None:
    trial, data = baseline(shared_data, "resnet20", "resnet20-12fca82f.th", "dataset.test_limit=120")
    store = Store(str(tmp_path / "store"))
    run_trial(trial, store, data)
    network = load_network(export_network(store, trial.key, str(tmp_path / "home")))
    images, labels = data.test.read(slice(None)).float() / 255, data.test.labels
    model = PyTorchModel(network, bounds=(0, 1), device="cpu")
    epsilons = [2 / 255, 4 / 255, 8 / 255, 16 / 255]
    _, _, fooled = foolbox.attacks.FGSM()(model, images, labels, epsilons=epsilons)
    counts = store.result(trial.evaluation_key("fgsm"))["counts"]
    assert [count["correct"][0] for count in counts] == (~fooled).sum(1).tolist()
    headline = store.load_outcomes(trial.evaluation_key("fgsm"))["fgsm"]
    np.testing.assert_array_equal(headline, (~fooled[2]).numpy())
    with torch.no_grad():
        accuracy = (network(images).argmax(1) == labels).float().mean().item()
    assert accuracy > 0.88


@pytest.mark.full
def test_resnet56_has_its_known_accuracies(shared_data: Path, tmp_path: Path) -> None:
    trial, data = baseline(shared_data, "resnet56", "resnet56-4bfd9763.th")
    store = Store(str(tmp_path))
    run_trial(trial, store, data)
    for attack, expected in RESNET56.items():
        counts = store.result(trial.evaluation_key(attack))["counts"]
        assert [count["correct"][0] / 10_000 for count in counts] == pytest.approx(expected, abs=0.0005)
