"""Runs every benchmark, each in a process of its own, and prints the table: ``make bench``."""

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

ended = {name: subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode for name in BENCHMARKS}
broken = [name for name, status in ended.items() if status]
if broken:
    sys.exit(f"benchmarks that broke: {', '.join(broken)}")
