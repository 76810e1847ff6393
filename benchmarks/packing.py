"""Trials an hour where 1, 2, 4 and 8 of them share one GPU, and whether ``gpu: auto`` finds the best of these."""

import tempfile
from collections.abc import Sequence
from io import StringIO
from typing import Any

import torch
from rich.console import Console

from benchmarks.timing import Row, show
from prunesweep.orchestrator.display.reporter import Reporter
from prunesweep.orchestrator.planning.capacity import own_cpus
from prunesweep.orchestrator.planning.plan import make_plan
from prunesweep.orchestrator.running.cluster.driver import run_plan
from prunesweep.orchestrator.running.cluster.packing import PACKINGS, find_packing
from prunesweep.orchestrator.running.cluster.session import ray_session
from prunesweep.results_store import Store
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.workers import load_dataset

SWEEP = """
name: packing
dataset: {name: digits, size: 32}
seeds: SEEDS
baseline: {epochs: 15}
axes: {architecture: resnet20, iterations: 0}
attacks: {fgsm: {}, occlusion: {}}
resources: {gpu: auto}
""".replace("SEEDS", str(list(range(32))))
AUTO = "packing: gpu auto, the best packing"


def run() -> list[Row]:
    """The same trials, each packing on a store of its own; the outcomes have to be equal."""
    if not torch.cuda.is_available():
        return [Row(name, None, "needs a GPU") for name in (*map(_name, PACKINGS[1:]), AUTO)]
    with ray_session(None, parse_sweep(SWEEP).resources):
        return compare([count for count in PACKINGS if count <= own_cpus()])


def compare(packings: Sequence[int], *changes: str) -> list[Row]:
    """The rows, on the Ray cluster that this process is connected to.

    ``changes``: of the sweep, as ``--set`` takes them; so a short one can be tried on a GPU that Ray only pretends.
    """
    sweep = parse_sweep(SWEEP, changes)
    data = load_dataset(sweep.dataset).arrays()
    hourly, outcomes = {}, []
    for count in packings:
        hourly[count], outcome = _trials_an_hour(changes, data, count)
        outcomes.append(outcome)
    assert all(outcome == outcomes[0] for outcome in outcomes), "the packings disagree"
    with tempfile.TemporaryDirectory() as empty:
        found = find_packing(make_plan(sweep, Store(empty)), data)
    rows = [
        Row(_name(count), rate / hourly[1], f"{rate:,.0f} trials an hour, one at a time {hourly[1]:,.0f}")
        for count, rate in hourly.items()
        if count > 1
    ]
    best = max(hourly, key=lambda count: hourly[count])
    details = f"{found.trials} a GPU, best {best}; {found.why}"
    return [*rows, Row(AUTO, hourly[found.trials] / hourly[best], details, at_least=0.9)]


def _name(count: int) -> str:
    return f"packing: {count} trials a GPU, one"


def _trials_an_hour(changes: tuple[str, ...], data: dict[str, Any], count: int) -> tuple[float, dict[str, Any]]:
    """The rate from the first trial's start to the last one's end, and each evaluation's counts by its key."""
    sweep = parse_sweep(SWEEP, [*changes, f"resources.gpu={1 / count}"])
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        store.prepare()
        plan = make_plan(sweep, store)
        failures = run_plan(plan, store, data, Reporter(len(plan.to_run), Console(file=StringIO())))
        assert not failures, failures
        networks = [store.result(trial.key) for trial in plan.tree]
        evaluations = store.evaluations(plan.tree.trials)
    start = min(network["finished_at"] - network["seconds"] for network in networks)
    end = max(evaluation["finished_at"] for evaluation in evaluations)
    counts = {evaluation["key"]: evaluation["counts"] for evaluation in evaluations}
    return 3600 * len(networks) / (end - start), counts


if __name__ == "__main__":
    show(run())
