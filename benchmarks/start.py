"""How long commands take to start, against importing pandas."""

import subprocess
import sys
from collections.abc import Callable

from benchmarks.timing import Row, longer, show


def run() -> list[Row]:
    """``theirs`` is the import of pandas."""
    pandas = _command("-c", "import pandas")
    commands = {"--help": ("--help",), "plan": ("plan", "cifar10_grid")}
    return [
        longer(f"start: prunesweep {name}, import pandas", _command("-m", "orchestrator", *args), pandas, at_most=2)
        for name, args in commands.items()
    ]


def _command(*arguments: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    show(run())
