"""Where the seconds of real trials go: runs a sweep's trials one after another and sorts their time by stage.

``python -m benchmarks.trial SWEEP [key=value …]``, with the keys of ``--set``; left out, the quickstart. It has no
ratio and so is no part of ``make bench``.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from prunesweep.results_store import Store
from prunesweep.sweeps.reader import read_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset, run_trial
from prunesweep.workers.data.dataset import Dataset

# What a worker was doing when it reports an event; the time since the event before is that stage's.
STAGES = {
    "scoring": "reading the parent",
    "shared": "scoring and removing",
    "epoch": "training",
    "stored": "storing the network",
}


def profile(trial: Trial, store: Store, data: Dataset) -> dict[str, float]:
    """Runs a trial whose parent is stored. Returns its seconds by stage, an attack being one of its own."""
    seconds: Counter[str] = Counter()
    last = time.perf_counter()

    def note(event: Mapping[str, Any]) -> None:
        nonlocal last
        stage = STAGES.get(event["stage"]) or str(event["attack"])
        seconds[stage] += time.perf_counter() - last
        last = time.perf_counter()

    run_trial(trial, store, data, progress=note)
    seconds["tidying up"] = time.perf_counter() - last
    return dict(seconds)


def show(arguments: Sequence[str]) -> None:
    """Prints the profile of each trial of a sweep."""
    sweep = read_sweep(arguments[0] if arguments else "quickstart", arguments[1:])
    data = load_dataset(sweep.dataset)
    with tempfile.TemporaryDirectory() as folder:
        for trial in grow_tree(sweep):
            seconds = profile(trial, Store(folder), data)
            total = sum(seconds.values())
            print(f"{trial.label()}: {total:.1f} s", flush=True)
            for stage, spent in seconds.items():
                print(f"    {stage:<22} {spent:8.2f} s {spent / total:6.1%}", flush=True)


if __name__ == "__main__":
    show(sys.argv[1:])
