"""The progress of a run at its beginning: what the store has already."""

from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.planning.timings import TimeEstimate
from prunesweep.orchestrator.progress.figures import SweepFigures
from prunesweep.orchestrator.progress.phase_times import PhaseTimes
from prunesweep.orchestrator.progress.sweep_progress import SweepProgress
from prunesweep.results_store import Store
from prunesweep.results_store.run_times import load_run_times


def progress_of(plan: Plan, store: Store, estimate: TimeEstimate) -> SweepProgress:
    """Return the progress of a plan before its run, with the figures of the networks that are stored.

    Args:
        plan: the plan.
        store: the store that the plan was compared with.
        estimate: the estimated durations of its trials.
    """
    errors = [run["took"] / run["estimated"] - 1 for run in load_run_times(store.objects)]
    return SweepProgress(
        sweep=plan.sweep.name,
        total=len(plan.tree),
        stored=len(plan.done),
        tree=plan.tree,
        resources=plan.sweep.resources,
        figures=_stored_figures(plan, store),
        phase_times=PhaseTimes(estimate.timings),
        past_errors=(min(errors), max(errors)) if errors else None,
    )


def _stored_figures(plan: Plan, store: Store) -> SweepFigures:
    """Return the figures of the networks that are stored, under the attacks and on the test images of the sweep."""
    figures = SweepFigures()
    if plan.networks:
        trials = store.table("trials")
        context = next(iter(plan.tree)).context
        known = trials[trials["trial_key"].isin(list(plan.networks)) & trials["flops"].notna()]
        same_images = known[known["test_fingerprint"] == context.test_fingerprint]
        figures.add_rows(same_images.to_dict("records"), list(context.attacks))
    return figures
