"""Transfer: the table against an independent computation, what is made once, and what is refused."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from prunesweep.orchestrator.analyses.transfer import TransferMatrix, transfer
from prunesweep.orchestrator.cli import app
from prunesweep.orchestrator.display.transfer import transfer_view
from prunesweep.orchestrator.query.trials import stored_trials
from prunesweep.results_store import Store
from prunesweep.sweeps.analyses import CRAFTING_ATTACKS, Transfer
from prunesweep.sweeps.attacks import Fgsm
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.reader import parse_sweep, read_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers import load_dataset
from prunesweep.workers.analyses import transfer as of_workers
from prunesweep.workers.attacks.fgsm import fgsm_images
from prunesweep.workers.attacks.pgd import pgd_images
from prunesweep.workers.stored_network import load_stored
from tests.helpers.run_here import run_here

SWEEP = """
name: two
dataset: {name: digits, size: 16, train_limit: 256, test_limit: 60}
baseline: {epochs: 1, learning_rate: 0.05, batch_size: 64}
control: false
axes: {architecture: resnet20, structure: filters, criterion: l1, adjustment: none, ratio: 0.5}
attacks: {fgsm: {epsilons: [8/255]}}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(str(tmp_path_factory.mktemp("store")))
    run_here(parse_sweep(SWEEP), store)
    return store


@pytest.fixture(scope="module")
def keys() -> list[str]:
    """Of the baseline, then of the pruned network."""
    return [trial.key for trial in grow_tree(parse_sweep(SWEEP))]


def crafted_files() -> list[Path]:
    return sorted(Path(os.environ["PRUNESWEEP_CACHE"]).glob("crafted/*.npy"))


def test_the_table_is_what_a_few_lines_of_torch_find(store: Store, keys: list[str]) -> None:
    found = transfer(store, keys, ["dataset == digits"])
    assert list(found.sources) == keys and found.computed == 4
    test = load_dataset(parse_sweep(SWEEP).dataset).test
    images, labels = test.read(slice(None)).float() / 255, test.labels
    networks = [load_stored(store, key, torch.device("cpu")).network for key in keys]
    for source, crafted_on in zip(keys, networks, strict=True):
        crafted = fgsm_images(crafted_on, images, labels, epsilon=8 / 255)
        for target, shown in zip(keys, networks, strict=True):
            with torch.no_grad():
                expected = (shown(crafted).argmax(1) == labels).double().mean().item()
            assert found.accuracies.loc[source, target] == pytest.approx(expected)
    assert found.accuracies.to_numpy().std() > 0, "networks that agree would prove nothing"


@pytest.mark.parametrize("attack", of_workers.CRAFTS)
def test_streamed_images_transfer_as_those_in_memory(
    attack: str, store: Store, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = transfer(store, keys[:1], keys, attack=attack, epsilon=6 / 255).rows.set_index("target_key")["correct"]
    networks = {key: load_stored(store, key, torch.device("cpu")).network for key in keys}
    test = load_dataset(parse_sweep(SWEEP).dataset).test
    monkeypatch.setattr(type(test), "holds_pixels", False)
    settings = CRAFTING_ATTACKS[attack](epsilons=(6 / 255,), headline=6 / 255)
    analyses = [Transfer(keys[0], key, attack, settings, "streamed") for key in keys]
    made = of_workers.measure_transfer(analyses, networks, test)
    assert {found["target_key"]: found["correct"][0] for found in made} == expected.to_dict()


def test_the_diagonal_is_the_stored_white_box_count(store: Store, keys: list[str]) -> None:
    rows = transfer(store, keys, keys).rows
    white_box = rows[rows["source_key"] == rows["target_key"]].set_index("source_key")["correct"]
    attacks = store.table("attacks").query("attack == 'fgsm'").set_index("trial_key")["correct"]
    assert [white_box[key] for key in keys] == [attacks[key] for key in keys]


def test_what_is_stored_is_not_made_again_and_images_are_crafted_once_a_source(
    store: Store, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(crafted_files())
    epsilon = 5 / 255
    assert transfer(store, keys[:1], keys[:1], epsilon=epsilon).computed == 1
    assert len(crafted_files()) == before + 1
    crafts = dict(of_workers.CRAFTS)
    monkeypatch.setitem(of_workers.CRAFTS, "fgsm", lambda *_: pytest.fail("crafted again"))
    assert transfer(store, keys[:1], keys, epsilon=epsilon).computed == 1  # from the cached images
    monkeypatch.setitem(of_workers.CRAFTS, "fgsm", crafts["fgsm"])
    assert transfer(store, keys, keys, epsilon=epsilon).computed == 2
    assert transfer(store, keys, keys, epsilon=epsilon).computed == 0
    assert len(crafted_files()) == before + 2


def test_a_lost_cache_gives_the_same_numbers(
    store: Store, keys: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = transfer(store, keys, keys).accuracies
    for result in transfer(store, keys, keys).rows.to_dict("records"):
        fgsm = Fgsm(epsilons=(8 / 255,))
        analysis = Transfer(
            str(result["source_key"]), str(result["target_key"]), "fgsm", fgsm, str(result["test_fingerprint"])
        )
        store.objects.delete(f"results/{analysis.key}.json")
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path))
    again = transfer(store, keys, keys)
    assert again.computed == 4
    np.testing.assert_array_equal(again.accuracies, first)


def test_an_interrupted_transfer_keeps_the_sources_that_are_done(
    store: Store, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    crafted: list[object] = []

    def interrupted(*arguments: Any) -> torch.Tensor:
        crafted.append(arguments)
        if len(crafted) == 2:
            raise KeyboardInterrupt
        return original(*arguments)

    original = of_workers.CRAFTS["fgsm"]
    with monkeypatch.context() as patch:
        patch.setitem(of_workers.CRAFTS, "fgsm", interrupted)
        with pytest.raises(KeyboardInterrupt):
            transfer(store, keys, keys, epsilon=3 / 255)
    table = store.table("transfer").query("severity == 3 / 255")
    assert set(table["source_key"]) == {keys[0]} and len(table) == 2
    assert transfer(store, keys, keys, epsilon=3 / 255).computed == 2


def test_pgd_shows_the_last_iterates(store: Store, keys: list[str]) -> None:
    found = transfer(store, keys[:1], keys, attack="pgd", epsilon=4 / 255)
    test = load_dataset(parse_sweep(SWEEP).dataset).test
    images, labels = test.read(slice(None)).float() / 255, test.labels
    source, target = (load_stored(store, key, torch.device("cpu")).network for key in keys)
    crafted, _ = pgd_images(
        source, images, labels, torch.arange(len(labels)), epsilon=4 / 255, steps=10, last_iterate=True
    )
    with torch.no_grad():
        expected = (target(crafted).argmax(1) == labels).double().mean().item()
    assert found.accuracies.loc[keys[0], keys[1]] == pytest.approx(expected)


def test_the_command_prints_the_papers_form_and_the_store_has_the_table(store: Store, keys: list[str]) -> None:
    asked = ["transfer", "--sources", "dataset == digits", "--targets", keys[1][:8], "--store", store.url]
    ran = CliRunner().invoke(app, asked)
    assert ran.exit_code == 0, ran.output
    rows = [line for line in ran.stdout.splitlines() if "resnet20" in line]
    assert len(rows) == 2 and [("◆" in row) for row in rows] == [keys[1][:10] in row for row in rows]
    records = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert {record["target_key"] for record in records} == {keys[1]}
    assert all(record["accuracy"] == record["correct"] / record["total"] for record in records)
    assert len(store.table("transfer").query("severity == 8 / 255 and attack == 'fgsm'")) == 4


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, str]]:
    """Baselines of four sweeps on one store that differ in one thing each."""
    store = Store(str(tmp_path_factory.mktemp("mixed")))
    changes = {
        "first": ["dataset.train_limit=8"],
        "images": ["dataset.train_limit=8", "dataset.test_limit=20", "seeds=[1]"],
        "size": ["dataset.train_limit=8", "dataset.size=20"],
        "classes": ["dataset.train_limit=8", "seeds=[2]"],
    }
    keys = {}
    for name, change in changes.items():
        sweep = parse_sweep(SWEEP, ["axes.iterations=0", "dataset.test_limit=10", f"name={name}", *change])
        (keys[name],) = run_here(sweep, store).values()
    path = Path(store.url) / "networks" / keys["classes"] / "network.json"
    path.write_text(path.read_text().replace('"classes": 10', '"classes": 7'))
    return store, keys


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ("images", "different test images of digits"),
        ("size", "image sizes: 16 and 20"),
        ("classes", "classes: 10 and 7"),
    ],
)
def test_networks_that_have_nothing_in_common_are_refused(
    mixed: tuple[Store, dict[str, str]], other: str, said: str
) -> None:
    store, keys = mixed
    before = store.result_keys()
    asked = ["transfer", "--sources", keys["first"], "--targets", keys[other], "--store", store.url]
    ran = CliRunner().invoke(app, asked)
    assert ran.exit_code == 2 and ran.stderr.count("\n") == 1, ran.output
    assert said in ran.stderr
    assert store.result_keys() == before


def test_of_several_sweeps_the_images_are_those_that_the_trial_was_tested_on(tmp_path: Path) -> None:
    """The first by name was stopped before it had attacked anything, on fewer images."""
    store = Store(str(tmp_path))
    sweep = parse_sweep(SWEEP, ["axes.iterations=0", "name=second", "dataset.test_limit=20"])
    (key,) = run_here(sweep, store).values()
    fewer = parse_sweep(SWEEP, ["axes.iterations=0", "name=first", "dataset.test_limit=10"])
    store.save_sweep("first", "", {"result_keys": {key: [key]}, "settings": fewer.model_dump(mode="json")})
    assert stored_trials(store, [key])[key].dataset == sweep.dataset


def test_an_epsilon_out_of_range_is_one_line_from_python_too(store: Store, keys: list[str]) -> None:
    with pytest.raises(UserError, match=r"^epsilon 8: .*did you mean 8/255\?$"):
        transfer(store, keys, keys, epsilon=8)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--epsilon", "8"], "epsilon 8: "),
        (["--epsilon", "8"], "did you mean 8/255?"),
        (["--epsilon", "-1/255"], "must be above 0"),
        (["--epsilon", "much"], "is not a number"),
        (["--attack", "pdg"], "did you mean 'pgd'?"),
        (["--sources", "ffffffffff"], "no network of"),
        (["--sources", "architecture == resnet56"], "unknown architecture in where"),
    ],
)
def test_bad_usage_is_one_line_and_writes_nothing(store: Store, asked: list[str], said: str) -> None:
    before = store.result_keys()
    ran = CliRunner().invoke(
        app, ["transfer", "--sources", "seed == 0", "--targets", "seed == 0", "--store", store.url, *asked]
    )
    assert ran.exit_code == 2 and ran.stderr.count("\n") == 1, ran.output
    assert said in ran.stderr
    assert store.result_keys() == before


def pretrained(shared_data: Path, store: Store, *changes: str) -> TransferMatrix:
    """The transfer table of the trained ResNet20 and ResNet56."""
    files = {"resnet20": "resnet20-12fca82f.th", "resnet56": "resnet56-4bfd9763.th"}
    keys: list[str] = []
    for architecture, weights in files.items():
        sweep = read_sweep(
            "cifar10_pretrained",
            [
                f"dataset.train={shared_data / 'cifar10' / 'train-10k.parquet'}",
                f"dataset.test={shared_data / 'cifar10' / 'test.parquet'}",
                f"baseline.weights={shared_data / 'weights' / weights}",
                f"axes.architecture={architecture}",
                "axes.iterations=0",
                "attacks={fgsm: {epsilons: [8/255]}}",
                f"name={architecture}",
                *changes,
            ],
        )
        keys += run_here(sweep, store).values()
    return transfer(store, keys, keys)


def check_pretrained(found: TransferMatrix, store: Store) -> None:
    accuracies = found.accuracies
    for target in found.targets:
        assert accuracies[target].idxmin() == target, "white box is the strongest"
    stored = store.table("attacks").query("attack == 'fgsm'").set_index("trial_key")["accuracy"]
    assert [accuracies.loc[key, key] for key in found.sources] == [stored[key] for key in found.sources]
    assert transfer_view(found).columns[1].cells[0].startswith("resnet20 baseline")


def test_pretrained_networks_on_some_images(shared_data: Path, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    check_pretrained(pretrained(shared_data, store, "dataset.test_limit=100", "dataset.train_limit=10"), store)


@pytest.mark.full
def test_pretrained_networks_on_all_images(shared_data: Path, tmp_path: Path) -> None:
    """White-box ResNet56: 18.12 %, on which Foolbox, torchattacks and ART agree."""
    store = Store(str(tmp_path))
    found = pretrained(shared_data, store, "dataset.train_limit=10")
    check_pretrained(found, store)
    assert found.accuracies.loc[found.sources[1], found.targets[1]] == pytest.approx(0.1812, abs=0.0005)
