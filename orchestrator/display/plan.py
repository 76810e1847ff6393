"""Rendering a plan as lines: what will run, what sharing saves, and how long it takes."""

from collections.abc import Iterator, Sequence

from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.planning.timings import TimeEstimate, concurrent_trials
from prunesweep.orchestrator.query.durations import describe_errors, format_duration
from prunesweep.results_store.run_times import RunTime
from prunesweep.sweeps.language import AUTO
from prunesweep.sweeps.words import counted


def plan_lines(plan: Plan) -> list[str]:
    """Return lines with a plan's numbers of trials, epochs and sets of scores, and the combinations left out."""
    tree = plan.tree
    saved = plan.epochs_without_sharing / plan.epochs_with_sharing if plan.epochs_with_sharing else 1.0
    sets, unshared_sets = plan.score_sets
    lines = [
        f"{plan.sweep.name}: {counted(len(tree), 'trial')}: {counted(plan.baselines, 'baseline')}, "
        f"{counted(plan.controls, 'control')}, {len(tree) - plan.baselines - plan.controls:,} pruned "
        f"({len(tree.requested):,} asked for by the axes)",
        f"stored already: {counted(len(plan.done), 'trial')}, {counted(len(plan.networks), 'network')}; "
        f"to run: {counted(len(plan.to_run), 'trial')}",
        f"epochs to train now: {plan.epochs}",
        f"the whole sweep: {counted(plan.epochs_with_sharing, 'epoch')}; {plan.epochs_without_sharing:,} if each trial "
        f"trained its own baseline and rounds ({saved:.1f} times as many)",
        f"shared: {counted(plan.baselines, 'baseline')} by {counted(len(tree) - plan.baselines, 'trial')}; "
        f"{counted(sets, 'set of scores', 'sets of scores')} instead of {unshared_sets:,}",
    ]
    return lines + [f"left out: {invalid.trials} × {invalid.description}: {invalid.reason}" for invalid in tree.invalid]


def trial_lines(plan: Plan) -> Iterator[str]:
    """Yield one line per trial with its key, whether it is stored, and its settings."""
    for trial in plan.tree:
        state = "stored" if trial.key in plan.done else "network stored" if trial.key in plan.networks else "to run"
        yield f"{trial.key}  {state:<14}  {trial.describe()}"


def time_lines(plan: Plan, estimate: TimeEstimate, runs: Sequence[RunTime]) -> list[str]:
    """Return lines that say how long a plan takes, and how accurate this estimate is.

    Args:
        plan: the plan.
        estimate: the estimated durations of its trials.
        runs: past runs on the store with their estimated and actual durations.
    """
    if not plan.to_run:
        return ["time: nothing to run"]
    untimed = ", ".join(f"{what} ({counted(trials, 'trial')})" for what, trials in estimate.untimed.items())
    if not estimate.seconds:
        return [f"time: no estimate; on these test images the store has no timings yet of {untimed}"]
    lines = [f"time: about {format_duration(estimate.seconds)} one trial after another{_wall_time(plan, estimate)}"]
    if untimed:
        lines.append(f"time: not counted, because on these test images the store has no timings yet: {untimed}")
    if estimate.error is not None:
        lines.append(
            f"time: the typical error of the estimate for one trial is {estimate.error:.0%} (checked by estimating "
            f"each half of the {estimate.timed_trials:,} stored trials from the other half)"
        )
    errors = [run["took"] / run["estimated"] - 1 for run in runs]
    if errors:
        of_runs = counted(len(errors), "run")
        lines.append(
            f"time: past runs took {describe_errors(min(errors), max(errors))} against the estimate ({of_runs})"
        )
    return lines


def _wall_time(plan: Plan, estimate: TimeEstimate) -> str:
    """Return the end of a line: the estimated wall time with trials in parallel, or that it depends on the GPUs."""
    resources = plan.sweep.resources
    workers = concurrent_trials(resources)
    if workers is not None:
        return f", {format_duration(estimate.wall_seconds(workers))} with {counted(workers, 'trial')} at once"
    chosen = " (gpu: auto, chosen when the sweep starts)" if resources.gpu == AUTO else ""
    return f", divided by the number that run at once{chosen}"
