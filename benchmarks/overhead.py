"""The overhead of the driver: trials that only write a result, compared with Ray Tune's grid search of as many points.

The written results are empty, so that no tables are built from them; tables take a few per cent of a sweep's time.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.timing import Row, print_rows
from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.planning.capacity import available_cpus
from prunesweep.orchestrator.planning.plan import make_plan
from prunesweep.orchestrator.running.cluster.driver import run_plan
from prunesweep.orchestrator.running.cluster.session import ray_session
from prunesweep.results_store import Store
from prunesweep.sweeps.events import WorkCounts
from prunesweep.sweeps.language import Resources
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.trial import Trial
from prunesweep.workers.data.load import load_dataset

FEW, MANY = 1_000, 5_000
SWEEP = """
name: overhead
dataset: {name: digits, train_limit: 20, test_limit: 20}
baseline: {epochs: 1}
adjustment: {epochs: 1}
axes: {architecture: resnet20, structure: filters}
control: false
attacks: {}
"""


@dataclass(frozen=True)
class TreeShape:
    """The shape of the trial tree of each seed.

    Attributes:
        overrides: the overrides of ``SWEEP`` that give this shape.
        trials: the number of trials per seed.
    """

    overrides: tuple[str, ...]
    trials: int


# A baseline with nine children, and a chain without branches.
TREES = {
    "wide": TreeShape(("axes.criterion=[l1,pls,random]", "axes.adjustment=[fine_tune,scratch_e,scratch_b]"), 10),
    "narrow": TreeShape(
        ("axes.criterion=l1", "axes.adjustment=fine_tune", "axes.ratio=0.001", "axes.iterations=199"), 200
    ),
}


@dataclass(frozen=True)
class RunCost:
    """The cost of a run on a running cluster.

    Attributes:
        seconds: the duration of the run.
        actors: how many Ray actors were started for it.
    """

    seconds: float
    actors: int

    def __str__(self) -> str:
        """Return the cost in words."""
        return f"{self.seconds:.1f} s, {self.actors} actors"


def run() -> list[Row]:
    """Return the rows of both tree shapes; each run is long and is timed once.

    ``ray_session`` turns Tune's loggers and snapshots off for both sides.
    """
    theirs = {trials: measure_cost(grid_search, trials) for trials in (FEW, MANY)}
    ours = {
        name: {trials: measure_cost(partial(run_our_sweep, shape), trials) for trials in theirs}
        for name, shape in TREES.items()
    }
    return [
        row for name, costs in ours.items() for row in (*_rows_over_tune(name, costs, theirs), _growth_row(name, costs))
    ]


def _rows_over_tune(name: str, ours: Mapping[int, RunCost], theirs: Mapping[int, RunCost]) -> list[Row]:
    return [
        Row(
            f"overhead: {trials:,} trials, {name}, Ray Tune",
            ours[trials].seconds / theirs[trials].seconds,
            f"ours {ours[trials]}; theirs {theirs[trials]}",
            at_most=1.5,
        )
        for trials in theirs
    ]


def _growth_row(name: str, ours: Mapping[int, RunCost]) -> Row:
    details = f"{ours[FEW]}; {ours[MANY]}"
    return Row(
        f"overhead: {MANY // FEW} times as many, {name}", ours[MANY].seconds / ours[FEW].seconds, details, at_most=5.5
    )


def measure_cost(side: Callable[[Store, int], None], trials: int) -> RunCost:
    """Run one side on an empty store, check that every trial has written its object, and return the cost."""
    with tempfile.TemporaryDirectory() as folder, ray_session(None, Resources()):
        import ray

        store = Store(folder)
        start = time.perf_counter()
        side(store, trials)
        seconds = time.perf_counter() - start
        assert len(store.result_keys()) == trials, "a trial has not written its object"
        # ray.util.state would need the dashboard.
        return RunCost(seconds, len(ray._private.state.actors()))


def run_our_sweep(shape: TreeShape, store: Store, trials: int) -> None:
    """Run our side: a plan by the driver, with trials that only write their result."""
    seeds = list(range(trials // shape.trials))
    settings = parse_sweep(SWEEP, [f"seeds={seeds}", *shape.overrides])
    plan = make_plan(settings, store)
    reporter = Reporter()
    data = load_dataset(settings.dataset).arrays()
    assert not run_plan(plan, store, data, reporter, code="benchmarks.overhead:write_result")


def write_result(trial: Trial, store: Store, data: object, **_: object) -> WorkCounts:
    """Write the result of a trial, in place of ``prunesweep.workers.run_trial``."""
    _write(store, trial.key)
    return WorkCounts()


def grid_search(store: Store, trials: int) -> None:
    """Run their side as in Ray Tune's documentation: a function, with one actor per CPU that is reused."""
    from ray import tune

    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(train, store=store), {"cpu": 1}),
            param_space={"point": tune.grid_search(list(range(trials)))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=available_cpus()),
            run_config=tune.RunConfig(name="overhead", storage_path=folder, verbose=0),
        )
        assert not tuner.fit().errors


def train(config: Mapping[str, Any], store: Store) -> None:
    """Write the result of one point, as Ray Tune's trial function."""
    from ray import tune

    _write(store, str(config["point"]))
    tune.report({"written": 1})


def _write(store: Store, key: str) -> None:
    store.objects.put(f"results/{key}.json", b"{}")


if __name__ == "__main__":
    print_rows(run())
