"""Trials of different settings with the same description: never averaged, distinguished, with their sweeps named."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

from prunesweep import compare_settings, pareto_front, run_sweep
from prunesweep.orchestrator.query.descriptions import describe_networks
from prunesweep.results_store import Store
from prunesweep.sweeps.setting import SETTING_NAMES
from tests.helpers.command import command

SWEEP = """
name: {name}
dataset: {{name: digits, train_limit: 64, test_limit: 40}}
baseline: {{epochs: 1, batch_size: 32}}
adjustment: {{epochs: 1, batch_size: 32, learning_rate: {learning_rate}}}
pruning: {{scoring_images: 8}}
seeds: {seeds}
control: false
axes: {{architecture: resnet20, structure: layers, criterion: random, ratio: 0.3}}
attacks: {{fgsm: {{epsilons: [8/255]}}}}
"""


def run(store: Path, folder: Path, name: str, learning_rate: float, seeds: list[int]) -> None:
    file = folder / f"{name}.yaml"
    file.write_text(SWEEP.format(name=name, learning_rate=learning_rate, seeds=seeds))
    run_sweep(file, store=store, in_process=True)


@pytest.fixture(scope="module")
def two_sweeps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sweeps that differ in learning rate and seed; a third one has the trials of the first."""
    folder = tmp_path_factory.mktemp("apart")
    store = folder / "store"
    run(store, folder, "slow", 0.01, [0])
    run(store, folder, "fast", 0.05, [1])
    run(store, folder, "slow_too", 0.01, [0])
    return store


@pytest.fixture
def as_older(two_sweeps: Path, tmp_path: Path) -> Path:
    """The same store as an earlier version would have left it: results without settings, runs without fingerprints."""
    store = Path(shutil.copytree(two_sweeps, tmp_path / "store"))
    shutil.rmtree(store / "index")
    for file in (store / "results").iterdir():
        document = json.loads(file.read_text())
        document.pop("setting", None)
        document.pop("single_filter_layers", None)
        file.write_text(json.dumps(document))
    for file in store.glob("sweeps/*/run.json"):
        noted = json.loads(file.read_text())
        del noted["fingerprints"]
        file.write_text(json.dumps(noted))
    for table in store.glob("*/*.parquet"):
        table.unlink()
    return store


def trials_of(store: Path) -> pd.DataFrame:
    return Store(str(store)).table("trials")


def pruned(trials: pd.DataFrame) -> pd.DataFrame:
    return trials[trials["structure"] == "layers"].sort_values("seed")


def test_different_settings_are_not_averaged(two_sweeps: Path) -> None:
    front = pareto_front(two_sweeps, where=["structure == layers"])
    assert (front.candidates, front.compared["seeds"].tolist()) == (2, [1, 1])
    compared = compare_settings(two_sweeps)
    assert compared["seeds"].max() == 1


def test_the_study_has_the_settings_that_differ(two_sweeps: Path) -> None:
    front = pareto_front(two_sweeps, where=["structure == layers"])
    assert {trial.params["learning_rate"] for trial in front.study.trials} == {0.01, 0.05}
    assert not any("momentum" in trial.params for trial in front.study.trials)


def test_seeds_of_one_setting_are_averaged_across_sweeps(two_sweeps: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(two_sweeps, tmp_path / "store"))
    run(store, tmp_path, "slow_again", 0.01, [1])
    front = pareto_front(store, where=["structure == layers", "learning_rate == 0.01"])
    assert front.compared["seeds"].tolist() == [2]


def test_descriptions_name_the_settings_that_differ_and_no_others(two_sweeps: Path) -> None:
    labels = describe_networks(pruned(trials_of(two_sweeps)))
    assert labels == [
        "resnet20 layers random 0.3 ×1 fine_tune, learning_rate 0.01",
        "resnet20 layers random 0.3 ×1 fine_tune, learning_rate 0.05",
    ]
    (alone,) = describe_networks(pruned(trials_of(two_sweeps)).head(1))
    assert alone == "resnet20 layers random 0.3 ×1 fine_tune"


@pytest.mark.parametrize("asked", [["pareto", "--objectives", "flops"], ["compare"]])
def test_printed_tables_name_the_settings_that_differ(
    two_sweeps: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    printed = command(*asked, "--where", "structure == layers", "--store", str(two_sweeps)).stdout
    assert {"learning_rate 0.01", "learning_rate 0.05"} <= set(re.findall(r"learning_rate [\d.]+", printed))


def test_json_distinguishes_settings(two_sweeps: Path) -> None:
    printed = command("compare", "--json", "--store", str(two_sweeps)).stdout
    assert len({record["setting_key"] for record in json.loads(printed)}) == 2


def test_a_trial_names_the_sweeps_that_contain_it(two_sweeps: Path) -> None:
    trials = trials_of(two_sweeps)
    assert pruned(trials)["sweeps"].tolist() == ["slow, slow_too", "fast"]
    assert trials.loc[trials["structure"] == "none", "sweeps"].notna().all()


def test_settings_of_older_results_come_from_the_last_run_of_their_sweep(as_older: Path, two_sweeps: Path) -> None:
    older, now = trials_of(as_older), trials_of(two_sweeps)
    known = [name for name in SETTING_NAMES if name not in ("setting_key", "train_fingerprint")]
    pd.testing.assert_frame_equal(older[known], now[known])
    assert older["setting_key"].notna().all() and older["train_fingerprint"].isna().all()
    # The training data of the other sweep is unknown, so its baseline may be of another setting.
    assert (older["setting_key"].nunique(), now["setting_key"].nunique()) == (4, 3)
    assert pareto_front(as_older, where=["structure == layers"]).candidates == 2


def test_older_results_join_the_setting_of_newer_ones_on_the_same_data(as_older: Path, tmp_path: Path) -> None:
    run(as_older, tmp_path, "new", 0.01, [1])
    trials = pruned(trials_of(as_older))
    slow = trials[trials["learning_rate"] == 0.01]
    assert (slow["seed"].tolist(), slow["setting_key"].nunique()) == ([0, 1], 1)
    assert pareto_front(as_older, where=["structure == layers"]).compared["seeds"].tolist() == [2, 1]


@pytest.mark.parametrize("damage", ["gone", "damaged", "of another version"])
def test_settings_without_a_readable_run_are_null_and_not_averaged(as_older: Path, damage: str) -> None:
    trials_of(as_older)  # tables with the settings exist, and must not be trusted for ever
    for file in as_older.glob("sweeps/*/run.json"):
        if damage == "gone":
            file.unlink()
        elif damage == "damaged":
            file.write_text("{")
        else:
            noted = json.loads(file.read_text())
            file.write_text(json.dumps(noted | {"settings": noted["settings"] | {"novelty": 1}}))
    trials = trials_of(as_older)
    assert trials["setting_key"].isna().all() and trials["learning_rate"].isna().all()
    assert trials["sweeps"].notna().all() == (damage == "of another version")
    front = pareto_front(as_older, where=["structure == layers"])
    assert front.compared["seeds"].tolist() == [1, 1]


def test_tables_follow_a_sweep_that_had_nothing_to_run(two_sweeps: Path, tmp_path: Path) -> None:
    store = Path(shutil.copytree(two_sweeps, tmp_path / "store"))
    before = trials_of(store)
    history = (store / "history" / "history.parquet").read_bytes()
    run(store, tmp_path, "also", 0.05, [1])
    after = trials_of(store)
    assert pruned(after)["sweeps"].tolist() == ["slow, slow_too", "also, fast"]
    pd.testing.assert_frame_equal(after.drop(columns="sweeps"), before.drop(columns="sweeps"))
    assert (store / "history" / "history.parquet").read_bytes() == history
