"""Trials per hour with 1, 2, 4 and 8 trials sharing one GPU, and whether ``gpu: auto`` finds the best packing."""

import tempfile
from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.timing import Row, print_rows
from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.planning.capacity import available_cpus
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
    """Return the rows of all packings, or rows without measurements if there is no GPU.

    All packings run the same trials, each on its own store; the outcomes must be equal.
    """
    if not torch.cuda.is_available():
        return [Row(name, None, "needs a GPU") for name in (*map(_name, PACKINGS[1:]), AUTO)]
    with ray_session(None, parse_sweep(SWEEP).resources):
        return compare([count for count in PACKINGS if count <= available_cpus()])


def compare(packings: Sequence[int], *changes: str) -> list[Row]:
    """Return the rows of some packings, on the Ray cluster that this process is connected to.

    Args:
        packings: the numbers of trials that share a GPU; one of them must be 1.
        changes: overrides of the sweep, as for ``--set``: a short sweep can be tried with a GPU that exists only in
            Ray's resources.
    """
    sweep = parse_sweep(SWEEP, changes)
    data = load_dataset(sweep.dataset).arrays()
    rates, all_counts = {}, []
    for packing in packings:
        rates[packing], counts = _measure_rate(changes, data, packing)
        all_counts.append(counts)
    assert all(counts == all_counts[0] for counts in all_counts), "the packings disagree"
    with tempfile.TemporaryDirectory() as empty:
        chosen = find_packing(make_plan(sweep, Store(empty)), data)
    rows = [
        Row(_name(packing), rate / rates[1], f"{rate:,.0f} trials per hour, one at a time {rates[1]:,.0f}")
        for packing, rate in rates.items()
        if packing > 1
    ]
    best = max(rates, key=lambda packing: rates[packing])
    details = f"{chosen.trials} per GPU, best {best}; {chosen.why}"
    return [*rows, Row(AUTO, rates[chosen.trials] / rates[best], details, at_least=0.9)]


def _name(packing: int) -> str:
    return f"packing: {packing} trials per GPU, one"


def _measure_rate(changes: tuple[str, ...], data: dict[str, Any], packing: int) -> tuple[float, dict[str, Any]]:
    """Return the trials per hour, from the first start to the last end, and the counts of each evaluation by key."""
    sweep = parse_sweep(SWEEP, [*changes, f"resources.gpu={1 / packing}"])
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        store.prepare()
        plan = make_plan(sweep, store)
        failures = run_plan(plan, store, data, Reporter())
        assert not failures, failures
        networks = [store.result(trial.key) for trial in plan.tree]
        evaluations = store.evaluations(plan.tree.trials)
    start = min(network["finished_at"] - network["seconds"] for network in networks)
    end = max(evaluation["finished_at"] for evaluation in evaluations)
    counts = {evaluation["key"]: evaluation["counts"] for evaluation in evaluations}
    return 3600 * len(networks) / (end - start), counts


if __name__ == "__main__":
    print_rows(run())
