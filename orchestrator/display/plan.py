"""Draws a plan: what will run, what sharing saves, and how long it will take."""

from collections.abc import Iterator, Sequence

from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.planning.timings import TimeEstimate, at_once
from prunesweep.results_store.run_times import RunTime
from prunesweep.sweeps.language import AUTO
from prunesweep.sweeps.words import counted


def plan_lines(plan: Plan) -> list[str]:
    """A plan in words."""
    tree = plan.tree
    saved = plan.epochs_without_sharing / plan.epochs_with_sharing if plan.epochs_with_sharing else 1.0
    sets, unshared_sets = plan.score_sets
    lines = [
        f"{plan.sweep.name}: {counted(len(tree), 'trial')}: {counted(plan.baselines, 'baseline')}, "
        f"{counted(plan.controls, 'control')}, {len(tree) - plan.baselines - plan.controls:,} pruned "
        f"({len(tree.asked):,} asked for by the axes)",
        f"stored already: {counted(len(plan.done), 'trial')}, {counted(len(plan.networks), 'network')}; "
        f"to run: {counted(len(plan.to_run), 'trial')}",
        f"epochs to train now: {plan.epochs}",
        f"the whole sweep: {counted(plan.epochs_with_sharing, 'epoch')}; {plan.epochs_without_sharing:,} if each trial "
        f"trained its own baseline and rounds ({saved:.1f} times as many)",
        f"shared: {counted(plan.baselines, 'baseline')} by {counted(len(tree) - plan.baselines, 'trial')}; "
        f"{counted(sets, 'set of scores', 'sets of scores')} where {unshared_sets:,} are asked for",
    ]
    return lines + [f"left out: {invalid.trials} × {invalid.what}: {invalid.reason}" for invalid in tree.invalid]


def trial_lines(plan: Plan) -> Iterator[str]:
    """A line a trial: its key, whether it is stored, its settings."""
    for trial in plan.tree:
        state = "stored" if trial.key in plan.done else "network stored" if trial.key in plan.networks else "to run"
        yield f"{trial.key}  {state:<14}  {trial.describe()}"


def time_lines(plan: Plan, estimate: TimeEstimate, runs: Sequence[RunTime]) -> list[str]:
    """How long a plan will take, in words; and how far such estimates are off, as past ``runs`` on the store tell."""
    if not plan.to_run:
        return ["time: nothing to run"]
    unknown = ", ".join(f"{what} ({counted(trials, 'trial')})" for what, trials in estimate.unknown.items())
    if not estimate.seconds:
        return [f"time: no estimate; on these test images the store has no timings yet of {unknown}"]
    lines = [f"time: about {duration(estimate.seconds)} one trial after another{_at_once(plan, estimate)}"]
    if unknown:
        lines.append(f"time: not counted, because on these test images the store has no timings of it yet: {unknown}")
    if estimate.error is not None:
        lines.append(
            f"time: estimated in the same way, one half of the {estimate.stored:,} stored trials from the other, "
            f"a trial is typically off by {estimate.error:.0%}"
        )
    off = [run["took"] / run["estimated"] - 1 for run in runs]
    if off:
        of_runs = counted(len(off), "run")
        lines.append(f"time: past runs took {min(off):+.0%} to {max(off):+.0%} against the estimate ({of_runs})")
    return lines


def _at_once(plan: Plan, estimate: TimeEstimate) -> str:
    resources = plan.sweep.resources
    workers = at_once(resources)
    if workers is not None:
        return f", {duration(estimate.wall(workers))} if {workers} run at once"
    chosen = " (gpu: auto, chosen when the sweep starts)" if resources.gpu == AUTO else ""
    return f", divided by those that run at once{chosen}"


def duration(seconds: float) -> str:
    """A time in words: 40 s, 12 min, 3.2 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"
