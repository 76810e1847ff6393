"""Baselines published by torchvision: their download, and the check that the file is the published one."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torchvision.models import get_model_weights

from prunesweep.results_store import Store
from prunesweep.sweeps.catalogue import ARCHITECTURES, resolve
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.pretrained import PRETRAINED, TORCHVISION_PREFIX, Pretrained
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers import load_dataset, load_network, run_trial
from prunesweep.workers.architectures.baseline_weights import read_weights
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.architectures.weights_file import load_weights, read_weights_file
from prunesweep.workers.preflight import check_trials

NAME = "torchvision:IMAGENET1K_V2"
SWEEP = f"""
name: pretrained
dataset: {{name: digits, size: 16, train_limit: 32, test_limit: 20}}
baseline: {{weights: "{NAME}"}}
pruning: {{quota: per_layer}}
axes: {{architecture: resnet50, criterion: l1, adjustment: "none", ratio: 0.5}}
control: false
attacks: {{fgsm: {{epsilons: [8/255]}}}}
"""


@pytest.mark.parametrize("name", PRETRAINED)
def test_the_registry_equals_torchvisions(name: str) -> None:
    pretrained = PRETRAINED[name]
    published = get_model_weights(pretrained.architecture)[name.removeprefix(TORCHVISION_PREFIX)]
    transforms = published.transforms()
    assert pretrained.url == published.url
    assert (list(pretrained.mean), list(pretrained.std)) == (transforms.mean, transforms.std)
    body = resolve(ARCHITECTURES[pretrained.architecture].code).build(len(published.meta["categories"]))
    assert sum(parameter.numel() for parameter in body.parameters()) == published.meta["num_params"]


@pytest.fixture
def torch_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of downloaded weights in a new ``TORCH_HOME``."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "hub" / "checkpoints"


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, torch.Tensor]], Path]:
    """A function that publishes tensors as ``NAME``: in a file named by its hash, with a URL that needs no network."""

    def publish(tensors: dict[str, torch.Tensor]) -> Path:
        unnamed = tmp_path / "unnamed.pth"
        torch.save(tensors, unnamed)
        sha256 = hashlib.sha256(unnamed.read_bytes()).hexdigest()
        file = unnamed.rename(tmp_path / f"resnet50-{sha256[:8]}.pth")
        monkeypatch.setitem(PRETRAINED, NAME, Pretrained("resnet50", file.as_uri()))
        return file

    return publish


def test_a_file_is_downloaded_once_and_checked_each_time(published: Callable[..., Path], torch_home: Path) -> None:
    file = published({"a": torch.arange(3)})
    assert torch.equal(read_weights(NAME, "resnet50")["a"], torch.arange(3))
    assert [path.name for path in torch_home.iterdir()] == [file.name]
    file.unlink()
    assert torch.equal(read_weights(NAME, "resnet50")["a"], torch.arange(3))
    torch.save({"a": torch.zeros(3)}, torch_home / file.name)
    with pytest.raises(DataError, match="is damaged or another file: its SHA-256 does not begin with") as refused:
        read_weights(NAME, "resnet50")
    assert str(torch_home / file.name) in str(refused.value)


def test_a_failed_download_is_a_one_line_error_and_leaves_no_file(
    published: Callable[..., Path], torch_home: Path
) -> None:
    file = published({"a": torch.arange(3)})
    content = file.read_bytes()
    file.write_bytes(content + b"damaged on the way")
    with pytest.raises(DataError, match="cannot be downloaded: invalid hash value"):
        read_weights(NAME, "resnet50")
    file.unlink()
    with pytest.raises(DataError, match="cannot be downloaded") as refused:
        read_weights(NAME, "resnet50")
    assert f"put the file at {torch_home / file.name}" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert list(torch_home.iterdir()) == []
    (torch_home / file.name).write_bytes(content)
    assert torch.equal(read_weights(NAME, "resnet50")["a"], torch.arange(3))


def test_names_of_another_architecture_and_missing_files_are_refused(torch_home: Path) -> None:
    with pytest.raises(DataError, match="torchvision:IMAGENET1K_V2 is a resnet50, not a resnet20"):
        read_weights(NAME, "resnet20")
    with pytest.raises(DataError, match=r"none\.th: there is no such weights file"):
        read_weights("none.th", "resnet50")
    assert not torch_home.exists()


def test_a_baseline_is_loaded_by_its_name_and_pruned(
    random_network: Callable[..., Network], published: Callable[..., Path], torch_home: Path, tmp_path: Path
) -> None:
    source = random_network("resnet50").body
    source.fc = torch.nn.Linear(2048, 10)  # digits has ten classes
    published(source.state_dict())
    sweep = parse_sweep(SWEEP)
    (trial, pruned), data, store = grow_tree(sweep), load_dataset(sweep.dataset), Store(str(tmp_path / "store"))
    check_trials([trial, pruned], data)
    run_trial(trial, store, data)
    run_trial(pruned, store, data)
    network = load_network(store.objects.path(f"networks/{trial.key}"))
    assert (network.spec.mean, network.spec.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    state = network.body.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in source.state_dict().items())
    smaller = load_network(store.objects.path(f"networks/{pruned.key}"))
    assert sum(map(len, smaller.spec.kept_filters.values())) == 4608 // 2
    assert smaller.spec.mean == network.spec.mean


def test_preflight_distinguishes_a_failed_download_from_weights_that_do_not_fit(
    random_network: Callable[..., Network], published: Callable[..., Path], torch_home: Path
) -> None:
    file = published(random_network("resnet50").body.state_dict())  # three classes, where digits has ten
    sweep = parse_sweep(SWEEP)
    trials, data = list(grow_tree(sweep)), load_dataset(sweep.dataset)
    with pytest.raises(DataError, match=r"not a resnet50 with 10 classes: fc\.weight has shape \(3, 2048\)"):
        check_trials(trials, data)
    (torch_home / file.name).unlink()
    file.unlink()
    with pytest.raises(DataError, match=r"^baseline\.weights: file://.* cannot be downloaded"):
        check_trials(trials, data)


def test_weights_that_others_publish_for_torchvisions_network_are_loaded(
    random_network: Callable[..., Network], tmp_path: Path
) -> None:
    """The files of Stylized-ImageNet and Shape-Texture Debiased are checkpoints of a data-parallel network."""
    source, target = random_network("resnet50"), random_network("resnet50", seed=1)
    tensors = {f"module.{name}": tensor for name, tensor in source.body.state_dict().items()}
    file = tmp_path / "model.pth.tar"
    torch.save({"epoch": 60, "arch": "resnet50", "state_dict": tensors, "optimizer": {"state": {}}}, file)
    load_weights(target, read_weights_file(file))
    assert all(torch.equal(tensor, target.state_dict()[name]) for name, tensor in source.state_dict().items())
