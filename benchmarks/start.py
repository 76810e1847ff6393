"""The duration of commands, those that read a store on a small one, compared with importing pandas."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.store import write_results
from benchmarks.timing import Row, measure_time_ratio, print_rows
from prunesweep.sweeps.reader import read_sweep
from prunesweep.sweeps.tree import grow_tree

SWEEP = """
name: start
dataset: {name: digits, size: 32}
seeds: [0, 1]
baseline: {epochs: 10}
adjustment: {epochs: 10}
axes:
  architecture: resnet20
  structure: [filters, layers]
  criterion: [l1, pls]
  iterations: [1, 2, 3, 4, 5]
attacks: {fgsm: {}, occlusion: {}, corruptions: {}}
"""
STORED_TRIALS = 32  # of a larger sweep


def run() -> Iterator[Row]:
    """Yield one row per command; the side to compare with is the import of pandas."""
    pandas = _command("-c", "import pandas")
    with tempfile.TemporaryDirectory() as folder:
        sweep, store, empty = Path(folder, "sweep.yaml"), f"{folder}/store", f"{folder}/empty"
        sweep.write_text(SWEEP)
        write_results(store, list(grow_tree(read_sweep(str(sweep), ())))[:STORED_TRIALS])
        commands = {
            "--help": ("--help",),
            "plan": ("plan", str(sweep), "--store", empty),
            f"plan, {STORED_TRIALS} trials stored": ("plan", str(sweep), "--store", store),
            f"pareto, {STORED_TRIALS} trials stored": ("pareto", "--store", store),
        }
        for name, arguments in commands.items():
            prunesweep = _command("-m", "prunesweep", *arguments)
            yield measure_time_ratio(f"start: {name}, import pandas", prunesweep, pandas, at_most=2)


def _command(*arguments: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    print_rows(run())
