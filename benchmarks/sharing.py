"""Eighty points of one grid, against a plain Ray Tune grid search that shares nothing between its trials."""

import gc
import io
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from benchmarks.timing import Row, show
from prunesweep.orchestrator.display.reporter import Reporter
from prunesweep.orchestrator.planning.capacity import own_cpus
from prunesweep.orchestrator.planning.plan import make_plan
from prunesweep.orchestrator.running.cluster.driver import run_plan
from prunesweep.orchestrator.running.cluster.session import ray_session
from prunesweep.results_store import Store
from prunesweep.sweeps.attacks import Clean, Fgsm
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial
from prunesweep.workers.attacks.clean import clean
from prunesweep.workers.attacks.fgsm import fgsm
from prunesweep.workers.attacks.subject import Evaluation, Subject
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.load import load_dataset
from prunesweep.workers.pruning.round import prune
from prunesweep.workers.runtime import configure
from prunesweep.workers.training.adjustments import adjust
from prunesweep.workers.training.baseline import make_baseline
from prunesweep.workers.work import Work

SWEEP = """
name: sharing
dataset: {name: digits, size: 16, train_limit: 1000, test_limit: 100}
baseline: {epochs: 2, learning_rate: 0.05, batch_size: 64}
adjustment: {epochs: 1, learning_rate: 0.02, batch_size: 64, rewind_epoch: 1}
pruning: {scoring_images: 128}
axes:
  architecture: [resnet20]
  structure: [filters]
  criterion: [l1, pls]
  adjustment: [fine_tune, scratch_e, scratch_b, winning_ticket]
  iterations: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  ratio: [0.1]
control: false
attacks: {fgsm: {epsilons: [8/255]}}
"""
POINTS = 80

POINT = ("criterion", "adjustment", "iterations")

Point = tuple[object, ...]  # the values of POINT
Accuracies = tuple[float, float]  # clean, under FGSM


@dataclass(frozen=True)
class Side:
    """What one side did: its seconds, from the start of Ray on; epochs trained; and accuracies by point."""

    seconds: float
    epochs: int
    accuracies: Mapping[Point, Accuracies]


def run() -> list[Row]:
    """Each side runs once, as a whole; their accuracies have to be equal at every point."""
    sweep = parse_sweep(SWEEP)
    theirs, ours = grid_search(sweep), prunesweep(sweep)
    assert len(ours.accuracies) == POINTS
    assert ours.accuracies == theirs.accuracies, "the two sides disagree"
    faster, saved = theirs.seconds / ours.seconds, theirs.epochs / ours.epochs
    details = f"ours {ours.seconds:.1f} s, {ours.epochs} epochs; theirs {theirs.seconds:.1f} s, {theirs.epochs} epochs"
    return [
        Row(f"sharing: {POINTS} points, Ray Tune grid search", faster, details, at_least=5),
        Row("sharing: the same, over the epochs saved", faster / saved, f"of {saved:.2f} ×", at_least=0.8),
    ]


def prunesweep(sweep: Sweep) -> Side:
    """The sweep through our driver, on an empty store."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ray_session(None, sweep.resources):
        store = Store(folder)
        plan = make_plan(sweep, store)
        reporter = Reporter(len(plan.to_run), Console(file=io.StringIO()))
        assert not run_plan(plan, store, load_dataset(sweep.dataset).arrays(), reporter)
        trials = store.table("trials").query("iterations > 0")
        seconds = time.perf_counter() - start
    points = zip(trials["criterion"], trials["adjustment"], trials["iterations"], strict=True)
    accuracies = zip(trials["generalization"], trials["robustness_fgsm"], strict=True)
    return Side(seconds, reporter.made.epochs, dict(zip(points, accuracies, strict=True)))


def grid_search(sweep: Sweep) -> Side:
    """The same points as Ray Tune's documentation has a grid search: a function, its data through the object store."""
    trials = {_point(trial): trial for trial in grow_tree(sweep) if not trial.is_baseline}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ray_session(None, sweep.resources):
        from ray import tune

        (axes,) = sweep.axes
        data = load_dataset(sweep.dataset).arrays()
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(train_point, trials=trials, data=data), {"cpu": 1}),
            param_space={name: tune.grid_search(list(getattr(axes, name))) for name in POINT},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=own_cpus()),
            run_config=tune.RunConfig(name="sharing", storage_path=folder, verbose=0),
        )
        results = [result.metrics for result in tuner.fit()]
        seconds = time.perf_counter() - start
    accuracies = {
        tuple(result["config"][name] for name in POINT): (result["clean"], result["fgsm"]) for result in results
    }
    return Side(seconds, sum(result.epochs for result in results), accuracies)


def train_point(config: Mapping[str, Any], trials: Mapping[Point, Trial], data: Mapping[str, Any]) -> None:
    """Ray Tune's function of one point: its own baseline, all its rounds, then the attacks on the last network."""
    from ray import tune

    trial = trials[tuple(config[name] for name in POINT)]
    images = Dataset.from_arrays(data)
    configure(trial.context.threads)
    gc.collect()  # pruning collects garbage and would look through torch and Ray each time: as our workers, not so
    gc.freeze()
    # What a later round reads of an earlier one, such as the winning ticket's snapshot, stays in this trial's memory.
    store = Store(f"memory://{uuid.uuid4().hex}")
    network, history = make_baseline(_work(trial.baseline, store, images))
    epochs = len(history)
    for step in _rounds(trial):
        work = _work(step, store, images)
        network, history = adjust(prune(network, work)[0], work)
        epochs += len(history)
    subject = Subject(network, images.test, trial.context.test_fingerprint)
    unattacked, attacked = trial.evaluations["clean"], trial.evaluations["fgsm"]
    assert isinstance(unattacked, Clean)
    assert isinstance(attacked, Fgsm)
    accuracies = {"clean": _accuracy(clean(subject, unattacked)), "fgsm": _accuracy(fgsm(subject, attacked))}
    tune.report({"epochs": epochs, **accuracies})


def _point(trial: Trial) -> Point:
    return tuple(getattr(trial, name) for name in POINT)


def _rounds(trial: Trial) -> Iterator[Trial]:
    """A trial's ancestors and itself, from the first round on."""
    if trial.parent is not None:
        yield from _rounds(trial.parent)
        yield trial


def _work(trial: Trial, store: Store, data: Dataset) -> Work:
    return Work(trial, store, data, progress=lambda event: None, should_stop=lambda: False)


def _accuracy(evaluation: Evaluation) -> float:
    (outcome,) = evaluation.outcomes
    return int(outcome.correct.sum()) / len(outcome.correct)


if __name__ == "__main__":
    show(run())
