"""How well the time left is estimated: what a run said at a quarter and at half of its time, against what it took.

``python -m benchmarks.time_left [RUNS]`` runs a sweep of 40 trials on an empty store, once or as often as asked for. It
gives no ratio of speeds and so is not part of ``make bench``.
"""

import json
import subprocess
import sys
import tempfile
from datetime import datetime
from typing import Any

SWEEP = "quickstart"
OVERRIDES = (
    "axes=[{architecture: [resnet20], structure: [filters, layers, both], criterion: [l1, expected_abs, pls], "
    "adjustment: [fine_tune], iterations: [1, 2, 3]}, {architecture: [mobilenet_v2], structure: [filters, layers], "
    "criterion: [l1, pls], adjustment: [fine_tune], iterations: [1]}, {architecture: [resnet20], structure: [filters], "
    "criterion: [random], adjustment: [fine_tune], iterations: [1, 2, 3]}]",
    "dataset.train_limit=500",
    "dataset.test_limit=120",
)


def run_once() -> list[dict[str, Any]]:
    """Run the sweep on an empty store, and return the records of its JSON log."""
    with tempfile.TemporaryDirectory() as store:
        options = [f"--set={override}" for override in OVERRIDES]
        command = [sys.executable, "-m", "prunesweep", "run", SWEEP, "--store", store, "--log", "json", *options]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def estimates(records: list[dict[str, Any]]) -> list[tuple[float, float, float]]:
    """Return for each ended trial the seconds since the start of the first, the seconds left as estimated and in fact.

    Args:
        records: the JSON log of a run.
    """
    start = _seconds(next(record for record in records if record["event"] == "trial_started"))
    ends = [record for record in records if record["event"] == "trial_done"]
    last = _seconds(ends[-1])
    return [(_seconds(end) - start, end["seconds_left"], last - _seconds(end)) for end in ends[:-1]]


def _seconds(record: dict[str, Any]) -> float:
    return datetime.fromisoformat(record["time"]).timestamp()


def print_errors(runs: int) -> None:
    """Print the errors of the estimates at a quarter and at half of each run, by trials and by time."""
    for run in range(1, runs + 1):
        records = run_once()
        moments = estimates(records)
        trials, whole = len(moments) + 1, moments[-1][0] + moments[-1][2]
        print(f"run {run}: {trials} trials in {whole:.0f} s")
        for share in (0.25, 0.5):
            by_trials = moments[round(share * trials) - 1]
            by_time = min(moments, key=lambda moment: abs(moment[0] - share * whole))
            for name, (elapsed, estimated, actual) in (("trials", by_trials), ("time", by_time)):
                print(
                    f"  at {share:.0%} of the {name}, after {elapsed:.0f} s: {estimated:.0f} s left as estimated, "
                    f"{actual:.0f} s in fact: {estimated / actual - 1:+.0%}"
                )


if __name__ == "__main__":
    print_errors(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
