"""A store of 10,000 trials: writing results, building and reading tables, and the front of the trials.

The trials are those of a real sweep, with random results. Each trial has five results: its network, and evaluations on
clean images, under FGSM at eight ε, under occlusion of eight sides and under 15 corruptions at five severities.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path

import optuna
import pandas as pd

from benchmarks.timing import Row, measure_time_ratio, median_seconds, print_rows
from prunesweep.orchestrator.selection import Front, select_front
from prunesweep.results_store import Store
from prunesweep.results_store.documents import ClassCounts, Count, Epoch, EvaluationResult, NetworkResult
from prunesweep.results_store.schema import TABLES
from prunesweep.sweeps.attacks import CORRUPTION_KINDS
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.setting import setting_of
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial

SWEEP = """
name: store
dataset: {name: digits, size: 32}
seeds: [0]
baseline: {epochs: 10}
adjustment: {epochs: 10}
axes:
  architecture: [resnet20, resnet32, resnet44, resnet56, resnet110]
  structure: [filters, layers, both]
  criterion: [l1, expected_abs, hrank, kl_divergence, pls]
  adjustment: [fine_tune, scratch_e]
  iterations: [1, 2, 3, 4, 5, 6, 7, 8]
  ratio: [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
attacks:
  fgsm: {epsilons: [2/255, 4/255, 6/255, 8/255, 10/255, 12/255, 14/255, 16/255]}
  occlusion: {sides: [2, 4, 6, 8, 10, 12, 14, 16]}
  corruptions: {severities: [1, 2, 3, 4, 5]}
"""
# The kinds and severities of each attack, and its headline.
ATTACKS: dict[str, tuple[Sequence[str], Sequence[float], float]] = {
    "clean": (["clean"], [0.0], 0.0),
    "fgsm": (["fgsm"], [2 * step / 255 for step in range(1, 9)], 8 / 255),
    "occlusion": (["occlusion"], [2.0 * step for step in range(1, 9)], 16.0),
    "corruptions": (CORRUPTION_KINDS, [1.0, 2.0, 3.0, 4.0, 5.0], 5.0),
}
IMAGES, CLASSES = 10_000, 10
OBJECTIVES = ("generalization", "robustness", "flops")
FEW, MANY = 1_000, 10_000  # trials
NEW = 20  # trials, with 100 results in all
WRITERS = 4


def run() -> Iterator[Row]:
    """Yield the rows.

    Tables are compared with one Parquet file written by pandas, fronts with an Optuna study in memory.
    """
    trials = trials_of_sweep()
    with tempfile.TemporaryDirectory() as folder:
        few, many = Store(f"{folder}/few"), Store(f"{folder}/many")
        yield _writing_row(few, many, trials)
        yield _building_row(few, many)
        yield _refreshing_row(many, trials[MANY:])
        yield _reading_row(many, "trials", Path(folder))
        yield _reading_row(many, "attacks", Path(folder))
        yield from _front_rows(pd.read_parquet(f"{many.url}/trials").head(MANY))


def _writing_row(few: Store, many: Store, trials: Sequence[Trial]) -> Row:
    with ProcessPoolExecutor(WRITERS, get_context("spawn")) as pool:

        def fill(store: Store, count: int) -> None:
            shares = [trials[first:count:WRITERS] for first in range(WRITERS)]
            list(pool.map(write_results, [store.url] * WRITERS, shares))

        fill(few, WRITERS)  # starts the processes
        return _growth_row("written by 4 processes", lambda: fill(few, FEW), lambda: fill(many, MANY))


def _building_row(few: Store, many: Store) -> Row:
    return _growth_row("tables built", few.refresh_tables, many.refresh_tables, at_most=12)


def _growth_row(
    name: str, run_few: Callable[[], object], run_many: Callable[[], object], at_most: float | None = None
) -> Row:
    """Return a row on the time of ten times as many trials over that of few; each is timed once."""
    few_seconds, many_seconds = _seconds_once(run_few), _seconds_once(run_many)
    details = f"{FEW:,} trials {few_seconds:.3f} s, {MANY:,} trials {many_seconds:.3f} s"
    return Row(f"store: {name}, ten times as many trials", many_seconds / few_seconds, details, at_most=at_most)


def _seconds_once(side: Callable[[], object]) -> float:
    start = time.perf_counter()
    side()
    return time.perf_counter() - start


def _refreshing_row(many: Store, further_trials: Sequence[Trial]) -> Row:
    """Return a row on adding 100 results to the tables, compared with rebuilding the tables from the index."""
    starts = iter(range(0, len(further_trials), NEW))

    def add_results() -> None:
        start = next(starts)
        write_results(many.url, further_trials[start : start + NEW])
        many.refresh_tables()

    def rebuild() -> None:
        for table in TABLES:
            many.objects.delete(f"{table}/{table}.parquet")
        many.refresh_tables()

    return measure_time_ratio(
        "store: 100 results added to tables, rebuilt", add_results, rebuild, at_most=0.5, rounds=1
    )


def _reading_row(many: Store, table: str, folder: Path) -> Row:
    frame = pd.read_parquet(f"{many.url}/{table}")
    file = folder / f"{table}.parquet"
    frame.to_parquet(file)
    pd.testing.assert_frame_equal(frame, pd.read_parquet(file))
    return measure_time_ratio(
        f"store: {table} read, {len(frame):,} rows, one file",
        lambda: pd.read_parquet(f"{many.url}/{table}"),
        lambda: pd.read_parquet(file),
        at_most=1.5,
        rounds=15,
    )


def _front_rows(trials: pd.DataFrame) -> Iterator[Row]:
    """Yield a row on the front of many trials compared with Optuna's, and one on the growth from few to many trials."""
    (our_few, their_few), (our_many, their_many) = (_measure_fronts(trials.head(count)) for count in (FEW, MANY))
    name = f"store: front of {MANY:,} trials, Optuna's study"
    yield Row(name, our_many / their_many, f"ours {our_many:.3f} s, theirs {their_many:.3f} s", at_most=3)
    growth = f"ours {our_few:.3f} s and {our_many:.3f} s; Optuna's grows by {their_many / their_few:.1f} ×"
    yield Row("store: front, ten times as many trials", our_many / our_few, growth, at_most=12)


def _measure_fronts(trials: pd.DataFrame) -> list[float]:
    """Return the seconds of our side and of Optuna's, which must choose the same trials."""
    front = select_front(trials, objectives=OBJECTIVES)
    study = _study(front)
    best = [trial.number for trial in study.best_trials]
    assert _keys(front.compared.iloc[best]) == _keys(front.table), "the two sides disagree"
    return median_seconds(lambda: select_front(trials, objectives=OBJECTIVES), lambda: study.best_trials)


def _study(front: Front) -> optuna.Study:
    """Return an Optuna study with the candidates of a front, as a user of Optuna alone would have it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=[objective.kind.direction for objective in front.objectives])
    values = front.compared[[objective.column for objective in front.objectives]].to_numpy().tolist()
    study.add_trials([optuna.trial.create_trial(values=trial_values) for trial_values in values])
    return study


def _keys(candidates: pd.DataFrame) -> list[str]:
    return sorted(key for keys in candidates["trial_keys"] for key in keys)


def trials_of_sweep() -> list[Trial]:
    """Return the trials of the sweep, slightly more than 10,000, every parent before its children."""
    return list(grow_tree(parse_sweep(SWEEP)))


def documents_of(trial: Trial) -> Iterator[NetworkResult | EvaluationResult]:
    """Yield the random results of a trial, which are the same in every call."""
    rng = random.Random(trial.key)
    remaining = (1 - trial.ratio) ** trial.iterations
    accuracy = 0.9 - 0.4 * (1 - remaining) ** 2 + rng.gauss(0, 0.02)
    yield _network(trial, remaining, rng)
    for attack in trial.evaluations:
        yield _evaluation(trial, attack, accuracy, rng)


def _network(trial: Trial, remaining: float, rng: random.Random) -> NetworkResult:
    return {
        "kind": "network",
        "key": trial.key,
        **trial.relations,
        "settings": trial.settings,
        "setting": setting_of(trial),
        "parameters": round(800_000 * remaining),
        "flops": round(80_000_000 * remaining * rng.uniform(0.8, 1.0)),
        "filters_asked": 100,
        "filters_removed": 100,
        "blocks_asked": 0,
        "blocks_removed": 0,
        "single_filter_layers": 0,
        "epochs": 10,
        "epochs_total": trial.epochs_total,
        "history": [_epoch(number, rng) for number in range(1, 11)],
        "seconds": rng.uniform(50, 60),
        "device": "cpu",
        "versions": {"prunesweep": "1", "torch": "2", "torchvision": "0", "numpy": "2", "scikit-learn": "1"},
        "finished_at": 0.0,
    }


def _epoch(number: int, rng: random.Random) -> Epoch:
    return {
        "epoch": number,
        "loss": rng.random(),
        "accuracy": rng.random(),
        "learning_rate": 0.01,
        "seconds": rng.uniform(5, 6),
    }


def _evaluation(trial: Trial, attack: str, accuracy: float, rng: random.Random) -> EvaluationResult:
    kinds, severities, headline = ATTACKS[attack]
    counts = [
        _count(kind, severity, accuracy * (1 - severity / (2 * severities[-1] + 1)) + rng.gauss(0, 0.02))
        for kind, severity in product(kinds, severities)
    ]
    evaluation: EvaluationResult = {
        "kind": "evaluation",
        "key": trial.evaluation_key(attack),
        "trial_key": trial.key,
        "attack": attack,
        "version": 1,
        "headline": trial.evaluations[attack].headline_text(),
        "headline_severity": headline,
        "test_fingerprint": trial.context.test_fingerprint,
        "total": [IMAGES, IMAGES // 2, IMAGES // 2],
        "counts": counts,
        "measures": {
            name: rng.random() for name in ("logit_margin", "vanishing_gradients", "ece") if attack == "clean"
        },
        "source": "",
        "seconds": rng.uniform(5, 6),
        "finished_at": 0.0,
    }
    return {**evaluation, "classes": _class_counts(rng)} if attack == "clean" else evaluation


def _class_counts(rng: random.Random) -> ClassCounts:
    """Return random counts of ten classes of equal size."""
    size = IMAGES // CLASSES
    selection, report = ([rng.randrange(size // 2) for _ in range(CLASSES)] for _ in range(2))
    return {
        "total": [[size] * CLASSES, [size // 2] * CLASSES, [size // 2] * CLASSES],
        "correct": [[sum(halves) for halves in zip(selection, report, strict=True)], selection, report],
        "predicted": [size] * CLASSES,
        "names": [f"class {number}" for number in range(CLASSES)],
    }


def _count(kind: str, severity: float, accuracy: float) -> Count:
    correct = round(IMAGES * accuracy)
    return {"kind": kind, "severity": severity, "correct": [correct, correct // 2, correct - correct // 2]}


def write_results(url: str, trials: Sequence[Trial]) -> None:
    """Store the random results of trials as a worker does.

    Args:
        url: the store.
        trials: the trials.
    """
    store = Store(url)
    for trial in trials:
        for document in documents_of(trial):
            store.save_result(document)


if __name__ == "__main__":
    print_rows(run())
