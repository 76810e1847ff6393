"""What a run has done and found, in lines for people and as JSON values."""

import shlex
from collections.abc import Iterator

import pandas as pd

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.display.front import front_records
from prunesweep.orchestrator.display.reporting.reporter import describe_work
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS, dependents_note
from prunesweep.orchestrator.running.run import SweepRun
from prunesweep.orchestrator.selection import Front
from prunesweep.sweeps.catalogue import NONE
from prunesweep.sweeps.words import counted


def work_lines(ran: SweepRun) -> Iterator[str]:
    """Yield lines with what a run did, which trials failed, and whether it was interrupted."""
    done, stored = len(ran.plan.to_run) - ran.failed - ran.unfinished, len(ran.plan.done)
    were = "was" if stored == 1 else "were"
    yield f"{counted(done, 'trial')} run, {stored:,} {were} stored already, {ran.failed:,} failed"
    yield f"work done: {describe_work(ran.work)}"
    for key, failure in ran.failures.items():
        note = dependents_note(len(failure.dependents))
        yield f"failed: {key} {ran.plan.tree.trials[key].describe()}{note}: {failure.error}"
    if ran.interrupted_by is not None:
        yield f"interrupted with {counted(ran.unfinished, 'trial')} unfinished; run the same command again to continue"


def describe_pruning(trials: pd.DataFrame) -> str:
    """Return one sentence on what pruning did, compared with the controls; empty if no pruned network has a control.

    Args:
        trials: rows of the table ``trials``.
    """
    gains = ["generalization_gain_over_control", "robustness_gain_over_control"]
    pruned = trials[(trials["structure"] != NONE) & trials[gains].notna().all(axis=1)]
    if pruned.empty:
        return ""
    flops: pd.Series[float] = trials.set_index("trial_key")["flops"].astype(float)
    saved = 1 - (pruned["flops"].to_numpy(dtype=float) / pruned["control_key"].map(flops).to_numpy(dtype=float)).mean()
    changes = _changes(*(float(pruned[gain].mean()) for gain in gains))
    if len(pruned) == 1:
        return f"Against its control, the pruned network {changes}, with {saved:.0%} fewer FLOPs."
    kept = int((pruned[gains] >= 0).all(axis=1).sum())
    return (
        f"Against their controls, the {len(pruned):,} pruned networks {changes} on average, with {saved:.0%} fewer "
        f"FLOPs; {kept or 'none'} of them lost neither."
    )


def _changes(generalization: float, robustness: float) -> str:
    """Return two mean gains in words, such as "lost 1.2 points of generalization and 3.0 of robustness"."""
    verbs = ["gained" if points >= 0 else "lost" for points in (generalization, robustness)]
    second_verb = f"{verbs[1]} " if verbs[1] != verbs[0] else ""
    return (
        f"{verbs[0]} {abs(generalization):.1f} points of generalization and {second_verb}{abs(robustness):.1f} "
        "of robustness"
    )


def next_commands(ran: SweepRun, front: Front) -> list[str]:
    """Return the two commands that a user will want next: on the knee of the front, and on the axes of the sweep."""
    in_store = "" if ran.store.url == _default_store() else f" --store {shlex.quote(ran.store.url)}"
    knee = str(front.table["trial_keys"].iloc[front.knee][0])[:KEY_DIGITS]
    return [f"prunesweep show {knee}{in_store}", f"prunesweep effects --sweep {ran.plan.sweep.name}{in_store}"]


def _default_store() -> str:
    from prunesweep.results_store import open_store

    return open_store(DEFAULT_STORE).url


def run_records(ran: SweepRun, front: Front | None) -> dict[str, object]:
    """Return the outcome of a run as JSON values.

    Args:
        ran: the run.
        front: the front of the sweep's trials; None if there is none.
    """
    return {
        "sweep": ran.plan.sweep.name,
        "store": ran.store.url,
        "done": len(ran.plan.to_run) - ran.failed - ran.unfinished,
        "stored": len(ran.plan.done),
        "failed": ran.failed,
        "unfinished": ran.unfinished,
        "work": vars(ran.work),
        "failures": {key: failure.error for key, failure in ran.failures.items()},
        "front": front_records(front) if front is not None else None,
    }
