"""How long commands take to start, against importing pandas."""

import subprocess
import sys
from collections.abc import Callable

from benchmarks.timing import Ratio, compare

AT_MOST = 2.0  # times pandas' import


def run() -> list[Ratio]:
    """``theirs`` is the import of pandas; the goal is reached where ours takes at most twice as long."""
    pandas = _command("-c", "import pandas")
    commands = {"--help": ("--help",), "plan": ("plan", "cifar10_grid")}
    return [
        compare(
            f"start: prunesweep {name}, import pandas", _command("-m", "orchestrator", *args), pandas, goal=1 / AT_MOST
        )
        for name, args in commands.items()
    ]


def _command(*arguments: str) -> Callable[[], object]:
    return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    for ratio in run():
        print(ratio.line())
