"""A failure is reported once, with the number of dependent trials, and all work done until then is counted."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from prunesweep import Store, run_sweep, sweep_states
from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.running.run import SweepRun
from prunesweep.sweeps.events import EpochTrained, ScoringStarted, WorkCounts
from prunesweep.workers import trial as life
from prunesweep.workers.attacks import occlusion
from prunesweep.workers.work import TrialError, Work
from tests.helpers.command import command
from tests.helpers.printed import reported_lines
from tests.helpers.trees import tree_of

SWEEP: dict[str, Any] = {
    "name": "failing",
    "dataset": {"name": "digits", "train_limit": 64, "test_limit": 20},
    "baseline": {"epochs": 1, "batch_size": 32},
    "adjustment": {"epochs": 1, "batch_size": 32},
    "pruning": {"scoring_images": 8},
    "axes": {"architecture": "resnet20", "structure": "filters", "criterion": ["l1", "random"], "iterations": [1, 2]},
    "attacks": {"fgsm": {"epsilons": ["8/255"]}},
}
TRIALS = 1 + 2 + 4  # the baseline, its controls, and the pruned ones
DESCENDANTS = TRIALS - 1


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every baseline fail after two epochs and a set of scores."""

    def make_baseline(work: Work) -> None:
        for event in (EpochTrained(1, 3, 0.5, 0.5), EpochTrained(2, 3, 0.5, 0.5), ScoringStarted("filters")):
            work.progress(event)
        raise TrialError("training diverged")

    monkeypatch.setattr(life, "make_baseline", make_baseline)


def run(store: Path, **changes: Any) -> tuple[SweepRun, list[str]]:
    """Run the sweep, and return the outcome and the printed lines about trials."""
    printed = io.StringIO()
    ran = run_sweep({**SWEEP, **changes}, store=store, in_process=True, console=Console(file=printed))
    return ran, reported_lines(printed.getvalue())


@pytest.mark.usefixtures("broken")
def test_a_failure_is_reported_once_with_the_number_of_dependents(tmp_path: Path) -> None:
    ran, lines = run(tmp_path)
    assert lines == [
        f"[{TRIALS}/{TRIALS}] resnet20 baseline seed 0 ({DESCENDANTS} trials depend on it and cannot run): "
        "FAILED: training diverged"
    ]
    (failure,) = ran.failures.values()
    assert (ran.failed, len(failure.dependents), failure.error) == (TRIALS, DESCENDANTS, "training diverged")


@pytest.mark.usefixtures("broken")
def test_the_work_of_a_failed_trial_is_counted(tmp_path: Path) -> None:
    ran, _ = run(tmp_path)
    assert ran.work == WorkCounts(epochs=2, scores=1)


@pytest.mark.usefixtures("broken")
def test_the_summary_and_the_status_name_a_failure_once(tmp_path: Path) -> None:
    file = tmp_path / "failing.yaml"
    file.write_text(json.dumps(SWEEP))  # JSON is YAML
    store = str(tmp_path / "store")
    ran = command("run", str(file), "--store", store, "--in-process")
    assert ran.exit_code == 1
    assert f"0 trials run, 0 were stored already, {TRIALS} failed" in ran.stdout
    told = f"resnet20 baseline seed 0 ({DESCENDANTS} trials depend on it and cannot run): training diverged"
    assert ran.stdout.count("training diverged") == 2 and told in ran.stdout
    shown = command("status", "--store", store).stdout
    assert shown.count("training diverged") == 1 and told in shown
    assert [(state.done, state.failed, state.to_run) for state in sweep_states(store)] == [(0, TRIALS, 0)]


@pytest.mark.usefixtures("broken")
def test_rows_name_the_ancestor_that_failed(tmp_path: Path) -> None:
    ran, _ = run(tmp_path)
    trials = ran.store.table("trials").set_index("structure")
    (failed,) = ran.failures
    assert len(trials) == TRIALS and trials["error"].notna().all()
    assert (trials["failed_ancestor"].dropna() == failed).all() and trials["failed_ancestor"].isna().sum() == 1


@pytest.mark.usefixtures("broken")
def test_failures_of_earlier_versions_name_the_ancestor_in_their_text_alone(tmp_path: Path) -> None:
    ran, _ = run(tmp_path)
    for path in (tmp_path / "results").iterdir():
        document = json.loads(path.read_text())
        del document["ancestor"]
        path.write_text(json.dumps(document))
    for path in [*tmp_path.glob("*/*.parquet")]:
        path.unlink()
    trials = Store(str(tmp_path)).table("trials")
    assert trials["failed_ancestor"].equals(ran.store.table("trials")["failed_ancestor"])


def test_counts_continue_from_the_stored_trials(tmp_path: Path) -> None:
    axes = SWEEP["axes"] | {"criterion": "l1"}
    run(tmp_path, axes=axes | {"iterations": 1})
    _, lines = run(tmp_path, axes=axes)
    assert [line.split()[0] for line in lines] == ["[4/5]", "[5/5]"]


def test_a_convolution_with_one_remaining_filter_is_reported_with_its_trial(tmp_path: Path) -> None:
    axes = {"architecture": "resnet20", "structure": "filters", "criterion": "l1", "ratio": 0.99}
    ran, lines = run(tmp_path, axes=axes, control=False)
    row = ran.store.table("trials").set_index("structure").loc["filters"]
    assert row["single_filter_layers"] > 1 and row["filters_removed"] < row["filters_asked"]
    fewer = f"{row['filters_removed']} filters of {row['filters_asked']}"
    single = f"{row['single_filter_layers']} convolutions left with 1 filter"
    assert lines[1:3] == [f"resnet20 filters l1 0.99 ×1 fine_tune seed 0: {note}" for note in (fewer, single)]
    filters = ["--where", "structure == filters"]
    shown = command("pareto", "--objectives", "flops", *filters, "--wide", "--store", str(tmp_path))
    assert f"({fewer}, {single})" in " ".join(shown.stdout.split())


def test_failures_of_another_sweep_do_not_count_for_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    axes = {"architecture": "resnet20", "iterations": 0}
    run(tmp_path, axes=axes)

    def broken(*_: object) -> None:
        raise TrialError("of no use")

    monkeypatch.setattr(occlusion, "occlusion", broken)
    run(tmp_path, axes=axes, name="other", attacks={"occlusion": {}})
    states = {state.name: (state.done, state.failed, state.to_run) for state in sweep_states(tmp_path)}
    assert states == {"failing": (1, 0, 0), "other": (0, 1, 0)}


def test_dependents_of_a_trial_that_succeeded_since_are_still_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    with monkeypatch.context():
        request.getfixturevalue("broken")
        run(tmp_path)
    monkeypatch.undo()
    run(tmp_path, axes=SWEEP["axes"] | {"iterations": 0})
    shown = command("status", "--store", str(tmp_path)).stdout
    assert sum(line.startswith("failed: ") for line in shown.splitlines()) == DESCENDANTS


def test_the_work_of_a_lost_trial_is_counted_from_its_events() -> None:
    tree = tree_of(json.dumps(SWEEP))
    reporter, trial = Reporter(), next(iter(tree))
    for event in (EpochTrained(1, 3, 0.5, 0.5), EpochTrained(2, 3, 0.5, 0.5), ScoringStarted("filters")):
        reporter.progressed(trial, event)
    reporter.failed(trial, "lost", WorkCounts(), 0)
    assert reporter.work == WorkCounts(epochs=2, scores=1)
