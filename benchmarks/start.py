"""How long commands take, on a small store where they read one, against importing pandas."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator

from benchmarks.store import trials_of_sweep, write
from benchmarks.timing import Row, longer, show

TRIALS = 32


def run() -> Iterator[Row]:
    """``theirs`` is the import of pandas."""
    pandas = _command("-c", "import pandas")
    with tempfile.TemporaryDirectory() as store:
        write(store, trials_of_sweep()[:TRIALS])
        commands = {
            "--help": ("--help",),
            "plan": ("plan", "cifar10_grid"),
            "pareto": ("pareto", "--store", store),
        }
        for name, arguments in commands.items():
            prunesweep = _command("-m", "orchestrator", *arguments)
            yield longer(f"start: prunesweep {name}, import pandas", prunesweep, pandas, at_most=2)


def _command(*arguments: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    show(run())
