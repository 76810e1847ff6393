"""The driver: runs a plan's trials on a cluster with Ray Tune, where one Tune trial is one trial of the sweep."""

import logging
import os
from typing import Any

from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.planning.cost import Cost, epoch_cost
from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.running.cluster.capacity import cluster_capacity
from prunesweep.orchestrator.running.cluster.scratch import scratch_folder
from prunesweep.orchestrator.running.cluster.session import ClusterError
from prunesweep.orchestrator.running.dispatcher import Dispatcher, Failure
from prunesweep.results_store import Store

RUN_TRIAL = "prunesweep.workers.trial:run_trial"
RETRIES = 3  # how often a trial is retried whose worker was lost, and Tune if it gives up


def run_plan(
    plan: Plan,
    store: Store,
    data: dict[str, Any],
    reporter: Reporter,
    *,
    cost: Cost = epoch_cost,
    code: str = RUN_TRIAL,
) -> dict[str, Failure]:
    """Run the trials of a plan inside a ``ray_session``, and return the failures by the key of the failed trial.

    Args:
        plan: the trials, and which of their results are stored already.
        store: where results are stored.
        data: the data set as ``Dataset.arrays()`` returns it; Ray's object store copies it to each node once.
        reporter: is notified of every start, event and end of a trial.
        cost: the estimated duration of a trial; the longest chains of trials start first.
        code: the import path of the function that runs a trial, with the signature of ``workers.run_trial``.

    Raises:
        ClusterError: Ray Tune gave up in each of ``1 + RETRIES`` attempts.
    """
    reason = ""
    for _ in range(1 + RETRIES):
        if not plan.to_run:
            return {}
        dispatcher = Dispatcher.of(plan, store, reporter, cost)
        try:
            _run_tune(dispatcher, plan, store, data, code)
            return dispatcher.failures
        except RuntimeError as error:  # something Tune does not expect, such as Ray killing a worker for lack of memory
            reason = str(error).splitlines()[0]
            reporter.say(f"Ray Tune gave up ({reason}); continuing from the store")
            plan = plan.reloaded(store)
            reporter.restart_count(len(plan.done))
    raise ClusterError(
        f"Ray Tune gave up {1 + RETRIES} times, the last time with: {reason}; run the sweep again to continue"
    )


def _run_tune(dispatcher: Dispatcher, plan: Plan, store: Store, data: dict[str, Any], code: str) -> None:
    """Run Ray Tune until every trial of the dispatcher has ended."""
    from ray import tune

    from prunesweep.orchestrator.running.cluster.actor import TrialActor
    from prunesweep.orchestrator.running.cluster.searcher import TreeSearcher
    from prunesweep.orchestrator.running.cluster.tune_scheduler import PassiveScheduler

    resources = plan.sweep.resources
    trials = {trial.key: trial for trial in plan.to_run}
    scheduler = PassiveScheduler()
    searcher = TreeSearcher(
        dispatcher, capacity=lambda: cluster_capacity(resources), reason_of_loss=scheduler.reason_of_loss
    )
    actor = tune.with_resources(
        tune.with_parameters(TrialActor, trials=trials, store=store, data=data, code=code),
        {"cpu": resources.cpu, "gpu": resources.gpus},
    )
    # The searcher limits the trials in progress; Tune's default would let only one trial pend at a time, on one actor.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(len(trials))
    # Tune logs a traceback at every retry; a trial that fails for good is reported by our own one line.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    with scratch_folder() as scratch:
        tuner = tune.Tuner(
            actor,
            tune_config=tune.TuneConfig(
                search_alg=searcher, scheduler=scheduler, num_samples=len(trials), reuse_actors=True
            ),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=str(scratch),
                verbose=0,
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
                failure_config=tune.FailureConfig(max_failures=RETRIES),
            ),
        )
        tuner.fit()
