"""What the driver costs: trials that only write their result, against Ray Tune's grid search of as many points.

What they write says nothing, so that no tables come of it: on that the driver spends a few per cent of a sweep's time.
"""

import io
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from rich.console import Console

from benchmarks.timing import Row, show
from prunesweep.orchestrator.display.reporter import Reporter
from prunesweep.orchestrator.planning.capacity import own_cpus
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
class Tree:
    """The shape of a sweep's trees, one a seed: what sets it, and its number of trials."""

    overrides: tuple[str, ...]
    trials: int


# A baseline with nine children, and a chain without a branch.
TREES = {
    "wide": Tree(("axes.criterion=[l1,pls,random]", "axes.adjustment=[fine_tune,scratch_e,scratch_b]"), 10),
    "narrow": Tree(("axes.criterion=l1", "axes.adjustment=fine_tune", "axes.iterations=199"), 200),
}


@dataclass(frozen=True)
class Cost:
    """What a run took in seconds, on a cluster that runs already; and how many actors were started for it."""

    seconds: float
    actors: int

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.actors} actors"


def run() -> list[Row]:
    """Each runs once, being long. ``ray_session`` turns Tune's loggers and snapshots off for both sides."""
    theirs = {trials: cost_of(grid_search, trials) for trials in (FEW, MANY)}
    ours = {name: {trials: cost_of(partial(sweep, tree), trials) for trials in theirs} for name, tree in TREES.items()}
    return [row for name, costs in ours.items() for row in (*_against(name, costs, theirs), _growth(name, costs))]


def _against(name: str, ours: Mapping[int, Cost], theirs: Mapping[int, Cost]) -> list[Row]:
    return [
        Row(
            f"overhead: {trials:,} trials, {name}, Ray Tune",
            ours[trials].seconds / theirs[trials].seconds,
            f"ours {ours[trials]}; theirs {theirs[trials]}",
            at_most=1.5,
        )
        for trials in theirs
    ]


def _growth(name: str, ours: Mapping[int, Cost]) -> Row:
    details = f"{ours[FEW]}; {ours[MANY]}"
    return Row(
        f"overhead: {MANY // FEW} times as many, {name}", ours[MANY].seconds / ours[FEW].seconds, details, at_most=5.5
    )


def cost_of(side: Callable[[Store, int], None], trials: int) -> Cost:
    """Runs one side on an empty store, and checks that every trial has written its object."""
    with tempfile.TemporaryDirectory() as folder, ray_session(None, Resources()):
        import ray

        store = Store(folder)
        start = time.perf_counter()
        side(store, trials)
        seconds = time.perf_counter() - start
        assert len(store.result_keys()) == trials, "a trial has not written"
        # Not ray.util.state, which needs the dashboard.
        return Cost(seconds, len(ray._private.state.actors()))


def sweep(tree: Tree, store: Store, trials: int) -> None:
    """Our side: a plan through the driver, with the trial's own work left out."""
    seeds = list(range(trials // tree.trials))
    settings = parse_sweep(SWEEP, [f"seeds={seeds}", *tree.overrides])
    plan = make_plan(settings, store)
    reporter = Reporter(trials, Console(file=io.StringIO()))
    data = load_dataset(settings.dataset).arrays()
    assert not run_plan(plan, store, data, reporter, code="benchmarks.overhead:write_result")


def write_result(trial: Trial, store: Store, data: object, **_: object) -> WorkCounts:
    """Stands where ``prunesweep.workers.run_trial`` does."""
    _write(store, trial.key)
    return WorkCounts()


def grid_search(store: Store, trials: int) -> None:
    """Their side, as Ray Tune's documentation has it: a function, one actor a CPU, each used again and again."""
    from ray import tune

    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(train, store=store), {"cpu": 1}),
            param_space={"point": tune.grid_search(list(range(trials)))},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=own_cpus()),
            run_config=tune.RunConfig(name="overhead", storage_path=folder, verbose=0),
        )
        assert not tuner.fit().errors


def train(config: Mapping[str, Any], store: Store) -> None:
    """Ray Tune's function of one point."""
    from ray import tune

    _write(store, str(config["point"]))
    tune.report({"written": 1})


def _write(store: Store, key: str) -> None:
    store.objects.put(f"results/{key}.json", b"{}")


if __name__ == "__main__":
    show(run())
