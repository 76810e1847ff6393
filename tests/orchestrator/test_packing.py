"""``gpu: auto``: the choice of the packing, and its measurement on a real Ray cluster with a simulated GPU.

Ray hands out a GPU that exists only in its configuration, and torch then works on the CPU; the rest is as on a GPU.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from prunesweep.orchestrator.planning.plan import Plan, make_plan
from prunesweep.orchestrator.running.cluster import packing
from prunesweep.orchestrator.running.cluster.packing import (
    best_packing,
    find_packing,
    max_trials_per_gpu,
    representative_trials,
)
from prunesweep.orchestrator.running.cluster.session import ray_session
from prunesweep.results_store import Store
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.workers import load_dataset, run_trial
from tests.helpers.command import command
from tests.helpers.run_here import run_here

ONE_GPU = '{"GPU": 1, "CPU": 4}'
MEASURED_SECONDS = 0.5
SWEEP = """
name: packing
dataset: {name: digits, size: 16, train_limit: 64, test_limit: 20}
seeds: [0, 1]
baseline: {epochs: 1, learning_rate: 0.02, batch_size: 8}
axes: {architecture: resnet20, iterations: 0}
attacks: {fgsm: {}}
resources: {gpu: auto}
"""


def plan(store: Path, *changes: str) -> Plan:
    return make_plan(parse_sweep(SWEEP, changes), Store(str(store)))


# The best of the measured packings


@pytest.mark.parametrize(
    ("rates", "best"),
    [
        ({1: 100.0}, 1),
        ({1: 100.0, 2: 180.0, 4: 300.0, 8: 500.0}, 8),
        ({1: 100.0, 2: 180.0, 4: 220.0, 8: 190.0}, 4),
        ({1: 100.0, 2: 60.0, 4: 40.0}, 1),
        ({1: 100.0, 2: 104.0}, 1),  # nearly the same
        ({1: 100.0, 2: 150.0, 4: 195.0, 8: 200.0}, 4),
    ],
)
def test_the_fewest_trials_with_nearly_the_highest_rate_are_best(rates: dict[int, float], best: int) -> None:
    assert best_packing(rates) == best


@pytest.mark.parametrize(
    ("nodes", "cpu", "concurrent_trials", "most"),
    [
        ([{"CPU": 16.0}], 1, 100, 0),
        ([{"CPU": 16.0, "GPU": 1.0}], 1, 100, 16),
        ([{"CPU": 16.0, "GPU": 1.0}], 4, 100, 4),
        ([{"CPU": 16.0, "GPU": 1.0}], 1, 3, 3),
        ([{"CPU": 16.0, "GPU": 4.0}], 2, 100, 2),  # so that no GPU is left without CPUs
        ([{"CPU": 16.0, "GPU": 4.0}], 8, 100, 1),
        ([{"CPU": 16.0, "GPU": 1.0}] * 2 + [{"CPU": 64.0}], 1, 6, 3),
        ([{"CPU": 2.0, "GPU": 1.0}, {"CPU": 64.0}], 4, 100, 0),  # the node with the GPU takes no trial
        ([{"CPU": 4.0, "GPU": 1.0}, {"CPU": 16.0, "GPU": 1.0}], 1, 100, 4),  # the weaker node counts
        ([{"CPU": 2.0, "GPU": 1.0}], 2, 1, 1),
    ],
)
def test_no_gpu_waits_for_cpus_or_trials(
    nodes: list[dict[str, float]], cpu: int, concurrent_trials: int, most: int
) -> None:
    assert max_trials_per_gpu(nodes, cpu, concurrent_trials) == most


# What is measured


def test_each_architecture_works_as_its_longest_trial(tmp_path: Path) -> None:
    grid = "axes={architecture: [resnet20, resnet32], iterations: 1, criterion: l1, adjustment: [fine_tune, scratch_b]}"
    work = representative_trials(plan(tmp_path, grid, "adjustment={epochs: 1}", "seeds=0"))
    assert [(trial.architecture, trial.adjustment) for trial in work] == [
        ("resnet20", "scratch_b"),
        ("resnet32", "scratch_b"),
    ]


def test_stored_networks_are_only_attacked(tmp_path: Path) -> None:
    """A new attack on a store trains nothing."""
    first = plan(tmp_path, "seeds=0")
    for trial in first.tree:
        run_trial(trial, Store(str(tmp_path)), load_dataset(first.sweep.dataset))
    (trial,) = representative_trials(plan(tmp_path, "seeds=0", "attacks={occlusion: {}}"))
    assert trial.round.epochs == 0


# On a real Ray cluster


def test_a_sweep_chooses_the_packing_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store has a trial already, so that there is an estimate; the results equal those of a run without a GPU."""
    sweep, store = tmp_path / "packing.yaml", tmp_path / "store"
    sweep.write_text(SWEEP)
    run_here(parse_sweep(SWEEP), Store(str(tmp_path / "here")))
    run_here(parse_sweep(SWEEP, ["seeds=0", "name=first"]), Store(str(store)))
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", ONE_GPU)
    monkeypatch.setattr(packing, "MEASURED_SECONDS", MEASURED_SECONDS)
    ran = command("run", str(sweep), "--store", str(store), "--set", "seeds=[0, 1, 2]")
    assert ran.exit_code == 0, ran.output
    assert "gpu: auto: " in ran.stdout
    about = json.loads((store / "sweeps" / "packing" / "run.json").read_text())
    assert about["settings"]["resources"]["gpu"] == "auto", "the provenance has the setting of the sweep file"
    assert about["packing"]["trials"] in (1, 2)
    assert about["packing"]["rates"].keys() == {"1", "2"}
    (run_time,) = json.loads((store / "sweeps" / "packing" / "runs.json").read_text())
    assert run_time["trials"] == 2
    assert run_time["workers"] == about["packing"]["trials"]
    assert run_time["estimated"] > 0
    assert run_time["took"] > 0
    expected = pd.read_parquet(tmp_path / "here" / "trials").drop(columns=["seconds", "sweeps"])
    found = pd.read_parquet(store / "trials").drop(columns=["seconds", "sweeps"])
    found = found[found["seed"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


@pytest.fixture(scope="module")
def one_gpu() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_OVERRIDE_RESOURCES", ONE_GPU)
        patch.setattr(packing, "MEASURED_SECONDS", MEASURED_SECONDS)
        with ray_session(None, parse_sweep(SWEEP).resources):
            yield


def test_packings_are_measured_until_one_does_not_fit(
    one_gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = tmp_path / "full"

    class SmallGpu(packing._WorkerProcess):
        """A process on a GPU whose memory is full after two processes."""

        def prepare(self, trials: Sequence[Any], data: Mapping[str, Any]) -> None:
            import torch

            full.mkdir(exist_ok=True)
            if len(list(full.iterdir())) == 2:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore of it.")
            (full / str(os.getpid())).touch()
            super().prepare(trials, data)

    monkeypatch.setattr(packing, "_WorkerProcess", SmallGpu)
    monkeypatch.setattr(packing, "PACKINGS", (1, 2, 3))
    four_trials = plan(tmp_path / "store", "seeds=[0, 1, 2, 3]")
    chosen = find_packing(four_trials, load_dataset(four_trials.sweep.dataset).arrays())
    assert chosen.rates.keys() == {1, 2}
    assert all(rate > 0 for rate in chosen.rates.values())
    assert chosen.trials == best_packing(chosen.rates)
    assert "more do not fit: OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB." in chosen.describe()
    assert len(list(full.iterdir())) == 2, "each runs in a process of its own"


def test_nothing_is_measured_if_no_gpu_would_be_shared(
    one_gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measure(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(packing, "measure_packings", measure)
    for change in ("seeds=0", "resources.workers=1", "resources.cpu=3"):
        chosen = find_packing(plan(tmp_path, change), {})
        assert (chosen.trials, chosen.share, dict(chosen.rates)) == (1, 1.0, {})


def test_after_a_failed_measurement_each_trial_has_a_gpu(one_gpu: None, tmp_path: Path) -> None:
    chosen = find_packing(plan(tmp_path), {"not": "a data set"})
    assert (chosen.trials, chosen.share) == (1, 1.0)
    assert "could not be measured: " in chosen.describe()
