"""``prunesweep plan`` of 86,900 trials, over that of 8,690: time, and memory in excess of a small plan."""

import contextlib
import io
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.memory import MIB, own_peak_memory
from benchmarks.timing import Row, measure_time_ratio, print_rows
from prunesweep.orchestrator.commands.plan import plan

SWEEP = """
name: large
dataset: {{name: digits}}
seeds: {seeds}
baseline: {{epochs: 4}}
axes:
  architecture: resnet56
  structure: [filters, layers, both]
  criterion: [l1, expected_abs, hrank, random]
  adjustment: [fine_tune, scratch_e]
  iterations: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  ratio: [0.1, 0.2, 0.3, 0.4]
adjustment: {{epochs: 1}}
"""
SEEDS = (10, 100)


def run() -> list[Row]:
    """Return rows on time and memory of plans on an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        few, many = (_write_sweep(Path(folder), seeds) for seeds in SEEDS)
        rows = [
            measure_time_ratio(
                "planning: ten times the trials, time",
                lambda: _plan(many),
                lambda: _plan(few),
                at_most=12,
                rounds=3,
                sides=("many", "few"),
            )
        ]
        base_peak, few_peak, many_peak = (_peak_memory(sweep) for sweep in ("quickstart", few, many))
    details = f"{many_peak / MIB:.0f} MiB, {few_peak / MIB:.0f} MiB; quickstart {base_peak / MIB:.0f} MiB"
    memory = (many_peak - base_peak) / (few_peak - base_peak)
    return [*rows, Row("planning: ten times the trials, memory", memory, details, at_most=12)]


def print_peak_memory(sweep: str) -> None:
    """Plan a sweep and print the peak memory of this process, in bytes."""
    _plan(sweep)
    print(own_peak_memory())


def _write_sweep(folder: Path, seeds: int) -> str:
    path = folder / f"{seeds}.yaml"
    path.write_text(SWEEP.format(seeds=list(range(seeds))))
    return str(path)


def _plan(sweep: str) -> None:
    with tempfile.TemporaryDirectory() as store, contextlib.redirect_stdout(io.StringIO()) as printed:
        plan(sweep, store)
    assert "trials" in printed.getvalue()


def _peak_memory(sweep: str) -> int:
    code = "import sys; from benchmarks.planning import print_peak_memory; print_peak_memory(sys.argv[1])"
    command = [sys.executable, "-c", code, sweep]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    print_rows(run())
