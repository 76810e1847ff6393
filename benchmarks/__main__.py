"""A run of all benchmarks, each in its own process, that prints the table of results: ``make bench``."""

import subprocess
import sys

BENCHMARKS = (
    "sharing",
    "overhead",
    "scheduling",
    "searcher",
    "planning",
    "fgsm",
    "pgd",
    "corruptions",
    "criteria",
    "elements",
    "training",
    "packing",
    "store",
    "streaming",
    "start",
)

exit_statuses = {name: subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode for name in BENCHMARKS}
failed = [name for name, status in exit_statuses.items() if status]
if failed:
    sys.exit(f"failed benchmarks: {', '.join(failed)}")
