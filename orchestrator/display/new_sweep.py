"""What is printed about a sweep file that was written."""

import shlex
from collections.abc import Iterator

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.initialization.initialize import NewSweep
from prunesweep.sweeps.words import counted


def new_sweep_lines(new: NewSweep, store: str) -> Iterator[str]:
    """Yield lines that say what was found out, what the sweep file would run, and what to do next.

    Args:
        new: the sweep file.
        store: the store that the user named.
    """
    tree = new.plan.tree
    yield f"data: {new.data.describe()}"
    if new.weights is not None:
        yield f"weights: {new.weights.weights}, a {new.weights.architecture} for {new.weights.classes:,} classes"
    yield from new.notes
    yield (
        f"{new.path}: {counted(len(tree), 'trial')}: {counted(new.plan.baselines, 'baseline')}, "
        f"{counted(new.plan.controls, 'control')}, {len(tree) - new.plan.baselines - new.plan.controls:,} pruned"
    )
    at_store = "" if store == DEFAULT_STORE else f" --store {shlex.quote(store)}"
    yield "next:"
    yield from (f"  prunesweep {command} {shlex.quote(str(new.path))}{at_store}" for command in ("plan", "run"))
