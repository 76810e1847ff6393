"""The driver on a real Ray cluster: no worker is ended before it has run a trial."""

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.planning.capacity import available_cpus
from prunesweep.orchestrator.planning.plan import make_plan
from prunesweep.orchestrator.running.cluster.driver import run_plan
from prunesweep.orchestrator.running.cluster.session import ray_session
from prunesweep.results_store import Store
from prunesweep.sweeps.events import WorkCounts
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.trial import Trial
from prunesweep.workers.data.load import load_dataset
from tests.helpers.waiting import wait_for

SWEEP = """
name: driver
dataset: {name: digits, train_limit: 20, test_limit: 20}
baseline: {epochs: 1}
adjustment: {epochs: 1}
axes: {architecture: resnet20, structure: filters, criterion: l1, adjustment: fine_tune}
control: false
attacks: {}
"""
TRIALS = 1 + 300  # a baseline and its children: the second worker starts when there is more than one trial to run
SECONDS = 0.2  # per trial, far less than the start of a worker takes


def short_trial(trial: Trial, store: Store, data: object, **_: Callable[..., object]) -> WorkCounts:
    """Store the process id, and wait ``SECONDS`` at most until two processes have stored theirs."""
    store.objects.put(f"workers/{os.getpid()}", b"")
    with suppress(TimeoutError):
        wait_for(lambda: len(store.objects.names("workers")) == 2, SECONDS)
    return WorkCounts()


@pytest.mark.skipif(available_cpus() < 2, reason="there is one worker on one CPU")
def test_a_started_worker_is_used_even_if_trials_are_shorter_than_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))  # of the workers
    ratios = [number / 1000 for number in range(1, TRIALS)]
    sweep = parse_sweep(SWEEP, [f"axes.ratio={ratios}", "resources.workers=2"])
    store = Store(str(tmp_path))
    plan = make_plan(sweep, store)
    reporter = Reporter()
    with ray_session(None, sweep.resources):
        failures = run_plan(plan, store, load_dataset(sweep.dataset).arrays(), reporter, code=f"{__name__}:short_trial")
    assert not failures
    assert reporter.ended == TRIALS
    assert len(store.objects.names("workers")) == 2
