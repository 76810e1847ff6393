"""The Ray Tune driver: runs a plan's trials on a cluster. One Tune trial is one trial of ours."""

import logging
import os
from typing import Any

from prunesweep.orchestrator.display.reporter import Reporter
from prunesweep.orchestrator.planning.cost import Cost, epochs_of
from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.running.cluster.capacity import cluster_capacity
from prunesweep.orchestrator.running.cluster.scratch import scratch_folder
from prunesweep.orchestrator.running.cluster.session import ClusterError
from prunesweep.orchestrator.running.dispatcher import Dispatcher, Failure
from prunesweep.results_store import Store

RUN_TRIAL = "prunesweep.workers.trial:run_trial"
RETRIES = 3  # of trials whose worker was lost, and of Tune where it gives up


def run_plan(
    plan: Plan,
    store: Store,
    data: dict[str, Any],
    reporter: Reporter,
    *,
    cost: Cost = epochs_of,
    code: str = RUN_TRIAL,
) -> dict[str, Failure]:
    """Run what a plan needs inside a ``ray_session``, and return the trials that failed, by key.

    Args:
        plan: the trials, and what of them is stored.
        store: where results go.
        data: ``Dataset.arrays()``; it goes to each node once, through Ray's object store.
        reporter: told of everything.
        cost: how long a trial takes, by which the longest chains go first.
        code: the import path of the function that runs a trial, which is called as ``workers.run_trial`` is.

    Raises:
        ClusterError: Tune gave up again and again.
    """
    reason = ""
    for _ in range(1 + RETRIES):
        if not plan.to_run:
            return {}
        dispatcher = Dispatcher.of(plan, store, reporter, cost)
        try:
            _tune(dispatcher, plan, store, data, code)
            return dispatcher.failures
        except RuntimeError as error:  # what Tune does not expect, such as Ray ending a worker for want of memory
            reason = str(error).splitlines()[0]
            reporter.say(f"Ray Tune gave up ({reason}); going on from the store")
            plan = plan.again(store)
            reporter.begin_again(len(plan.done))
    raise ClusterError(f"Ray Tune gave up {1 + RETRIES} times, last with: {reason}; run the sweep again to go on")


def _tune(dispatcher: Dispatcher, plan: Plan, store: Store, data: dict[str, Any], code: str) -> None:
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
    # The searcher limits live trials; Tune's own default would let one trial pend at a time, on one actor.
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(len(trials))
    # What Tune logs of a retry is a traceback; a trial that fails for good is told by our own one line.
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
