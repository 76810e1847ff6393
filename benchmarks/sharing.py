"""Eighty points of one grid, compared with a Ray Tune grid search that shares nothing between its trials."""

import gc
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.timing import Row, print_rows
from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.planning.capacity import available_cpus
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
from prunesweep.workers.runtime import configure_torch
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
POINT_COUNT = 80

POINT_AXES = ("criterion", "adjustment", "iterations")

Point = tuple[object, ...]  # the values of POINT_AXES
Accuracies = tuple[float, float]  # on clean images and under FGSM, in [0, 1]


@dataclass(frozen=True)
class Side:
    """The result of one side.

    Attributes:
        seconds: the duration, from the start of Ray on.
        epochs: the number of epochs trained.
        accuracies: the accuracies of each point.
    """

    seconds: float
    epochs: int
    accuracies: Mapping[Point, Accuracies]


def run() -> list[Row]:
    """Return two rows; each side runs once, and the accuracies must be equal at every point."""
    sweep = parse_sweep(SWEEP)
    theirs, ours = run_grid_search(sweep), run_our_sweep(sweep)
    assert len(ours.accuracies) == POINT_COUNT
    assert ours.accuracies == theirs.accuracies, "the two sides disagree"
    speedup, epoch_ratio = theirs.seconds / ours.seconds, theirs.epochs / ours.epochs
    details = f"ours {ours.seconds:.1f} s, {ours.epochs} epochs; theirs {theirs.seconds:.1f} s, {theirs.epochs} epochs"
    return [
        Row(f"sharing: {POINT_COUNT} points, Ray Tune grid search", speedup, details, at_least=5),
        Row("sharing: the same, over the epochs saved", speedup / epoch_ratio, f"of {epoch_ratio:.2f} ×", at_least=0.8),
    ]


def run_our_sweep(sweep: Sweep) -> Side:
    """Run the sweep by our driver, on an empty store."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ray_session(None, sweep.resources):
        store = Store(folder)
        plan = make_plan(sweep, store)
        reporter = Reporter()
        assert not run_plan(plan, store, load_dataset(sweep.dataset).arrays(), reporter)
        trials = store.table("trials").query("iterations > 0")
        seconds = time.perf_counter() - start
    points = zip(trials["criterion"], trials["adjustment"], trials["iterations"], strict=True)
    accuracies = zip(trials["generalization"], trials["robustness_fgsm"], strict=True)
    return Side(seconds, reporter.work.epochs, dict(zip(points, accuracies, strict=True)))


def run_grid_search(sweep: Sweep) -> Side:
    """Run the same points as a grid search of Ray Tune's documentation: a function, with data in the object store."""
    trials = {_point(trial): trial for trial in grow_tree(sweep) if not trial.is_baseline}
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, ray_session(None, sweep.resources):
        from ray import tune

        (axes,) = sweep.axes
        data = load_dataset(sweep.dataset).arrays()
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(train_point, trials=trials, data=data), {"cpu": 1}),
            param_space={name: tune.grid_search(list(getattr(axes, name))) for name in POINT_AXES},
            tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=available_cpus()),
            run_config=tune.RunConfig(name="sharing", storage_path=folder, verbose=0),
        )
        results = [result.metrics for result in tuner.fit()]
        seconds = time.perf_counter() - start
    accuracies = {
        tuple(result["config"][name] for name in POINT_AXES): (result["clean"], result["fgsm"]) for result in results
    }
    return Side(seconds, sum(result.epochs for result in results), accuracies)


def train_point(config: Mapping[str, Any], trials: Mapping[Point, Trial], data: Mapping[str, Any]) -> None:
    """Train the baseline of one point, run all its rounds, attack the last network, and report to Ray Tune.

    Args:
        config: the values of ``POINT_AXES``.
        trials: the trials of all points.
        data: the arrays of the data set.
    """
    from ray import tune

    trial = trials[tuple(config[name] for name in POINT_AXES)]
    images = Dataset.from_arrays(data)
    configure_torch(trial.context.threads)
    # As in our workers: pruning collects garbage, which would otherwise search all objects of torch and Ray each time.
    gc.collect()
    gc.freeze()
    # What later rounds read from earlier ones, such as the snapshot of a winning ticket, stays in this trial's memory.
    store = Store(f"memory://{uuid.uuid4().hex}")
    network, history = make_baseline(_work(trial.baseline, store, images))
    epochs = len(history)
    for ancestor in _rounds(trial):
        work = _work(ancestor, store, images)
        network, history = adjust(prune(network, work)[0], work)
        epochs += len(history)
    subject = Subject(network, images.test, trial.context.test_fingerprint)
    clean_settings, fgsm_settings = trial.evaluations["clean"], trial.evaluations["fgsm"]
    assert isinstance(clean_settings, Clean)
    assert isinstance(fgsm_settings, Fgsm)
    accuracies = {"clean": _accuracy(clean(subject, clean_settings)), "fgsm": _accuracy(fgsm(subject, fgsm_settings))}
    tune.report({"epochs": epochs, **accuracies})


def _point(trial: Trial) -> Point:
    return tuple(getattr(trial, name) for name in POINT_AXES)


def _rounds(trial: Trial) -> Iterator[Trial]:
    """Yield the ancestors of a trial and the trial itself, from the first round on, without the baseline."""
    if trial.parent is not None:
        yield from _rounds(trial.parent)
        yield trial


def _work(trial: Trial, store: Store, data: Dataset) -> Work:
    return Work(trial, store, data, progress=lambda event: None, should_stop=lambda: False)


def _accuracy(evaluation: Evaluation) -> float:
    (outcome,) = evaluation.outcomes
    return int(outcome.correct.sum()) / len(outcome.correct)


if __name__ == "__main__":
    print_rows(run())
