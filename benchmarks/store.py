"""A store of 10,000 trials: writing it, making its tables, reading them, and the front of its trials.

The trials are those of a real sweep, and what their results say is drawn. A trial has five: its network, and its
evaluations on clean images, under FGSM at eight ε, occlusion of eight sides and 15 corruptions at five severities.
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

from benchmarks.timing import Row, longer, seconds, show
from prunesweep.orchestrator.selection import Front, select_front
from prunesweep.results_store import Store
from prunesweep.results_store.documents import Count, Epoch, EvaluationResult, NetworkResult
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
  iterations: [1, 2, 3, 4, 5, 6, 7]
  ratio: [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
attacks:
  fgsm: {epsilons: [2/255, 4/255, 6/255, 8/255, 10/255, 12/255, 14/255, 16/255]}
  occlusion: {sides: [2, 4, 6, 8, 10, 12, 14, 16]}
  corruptions: {severities: [1, 2, 3, 4, 5]}
"""
# What each attack counts: its kinds and severities, and the headline's severity.
COUNTED: dict[str, tuple[Sequence[str], Sequence[float], float]] = {
    "clean": (["clean"], [0.0], 0.0),
    "fgsm": (["fgsm"], [2 * step / 255 for step in range(1, 9)], 8 / 255),
    "occlusion": (["occlusion"], [2.0 * step for step in range(1, 9)], 16.0),
    "corruptions": (CORRUPTION_KINDS, [1.0, 2.0, 3.0, 4.0, 5.0], 5.0),
}
IMAGES = 10_000
OBJECTIVES = ("generalization", "robustness", "flops")
FEW, MANY = 1_000, 10_000  # trials
NEW = 20  # trials, which have 100 results
WRITERS = 4


def run() -> Iterator[Row]:
    """``theirs`` is, of the tables, one Parquet file that pandas wrote; of the front, Optuna's study in memory."""
    trials = trials_of_sweep()
    with tempfile.TemporaryDirectory() as folder:
        few, many = Store(f"{folder}/few"), Store(f"{folder}/many")
        yield _writing(few, many, trials)
        yield _making(few, many)
        yield _refreshing(many, trials[MANY:])
        yield _reading(many, "trials", Path(folder))
        yield _reading(many, "attacks", Path(folder))
        yield from _fronts(pd.read_parquet(f"{many.url}/trials").head(MANY))


def _writing(few: Store, many: Store, trials: Sequence[Trial]) -> Row:
    with ProcessPoolExecutor(WRITERS, get_context("spawn")) as pool:

        def fill(store: Store, count: int) -> None:
            shares = [trials[first:count:WRITERS] for first in range(WRITERS)]
            list(pool.map(write, [store.url] * WRITERS, shares))

        fill(few, WRITERS)  # so that the processes have started
        return _growth("written by 4 processes", lambda: fill(few, FEW), lambda: fill(many, MANY))


def _making(few: Store, many: Store) -> Row:
    return _growth("tables made", few.refresh_tables, many.refresh_tables, at_most=12)


def _growth(
    name: str, of_few: Callable[[], object], of_many: Callable[[], object], at_most: float | None = None
) -> Row:
    """How many times as long ten times as many trials take, once each."""
    before, after = _once(of_few), _once(of_many)
    details = f"{FEW:,} trials {before:.3f} s, {MANY:,} trials {after:.3f} s"
    return Row(f"store: {name}, ten times as many trials", after / before, details, at_most=at_most)


def _once(side: Callable[[], object]) -> float:
    start = time.perf_counter()
    side()
    return time.perf_counter() - start


def _refreshing(many: Store, others: Sequence[Trial]) -> Row:
    """The tables with 100 results more, against all of them made again from the index."""
    new = iter(range(0, len(others), NEW))

    def with_new() -> None:
        first = next(new)
        write(many.url, others[first : first + NEW])
        many.refresh_tables()

    def whole() -> None:
        for table in TABLES:
            many.objects.delete(f"{table}/{table}.parquet")
        many.refresh_tables()

    return longer("store: tables with 100 results more, whole", with_new, whole, at_most=0.5, rounds=1)


def _reading(many: Store, table: str, folder: Path) -> Row:
    frame = pd.read_parquet(f"{many.url}/{table}")
    file = folder / f"{table}.parquet"
    frame.to_parquet(file)
    pd.testing.assert_frame_equal(frame, pd.read_parquet(file))
    return longer(
        f"store: {table} read, {len(frame):,} rows, one file",
        lambda: pd.read_parquet(f"{many.url}/{table}"),
        lambda: pd.read_parquet(file),
        at_most=1.5,
        rounds=15,
    )


def _fronts(trials: pd.DataFrame) -> Iterator[Row]:
    """The front of few and of many trials, each on both sides; and what both grow by."""
    (few, few_theirs), (many, many_theirs) = (_both_fronts(trials.head(count)) for count in (FEW, MANY))
    compared = f"front of {MANY:,} trials, Optuna's study"
    yield Row(f"store: {compared}", many / many_theirs, f"ours {many:.3f} s, theirs {many_theirs:.3f} s", at_most=3)
    growth = f"ours {few:.3f} s and {many:.3f} s; Optuna's grows by {many_theirs / few_theirs:.1f} ×"
    yield Row("store: front, ten times as many trials", many / few, growth, at_most=12)


def _both_fronts(trials: pd.DataFrame) -> list[float]:
    """The seconds of both sides, which have to choose the same trials."""
    front = select_front(trials, objectives=OBJECTIVES)
    study = _study(front)
    best = [trial.number for trial in study.best_trials]
    assert _keys(front.compared.iloc[best]) == _keys(front.table), "the two sides disagree"
    return seconds(lambda: select_front(trials, objectives=OBJECTIVES), lambda: study.best_trials)


def _study(front: Front) -> optuna.Study:
    """What the front was chosen from, as somebody who has only Optuna would hold it."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(directions=[objective.kind.direction for objective in front.objectives])
    values = front.compared[[objective.column for objective in front.objectives]].to_numpy().tolist()
    study.add_trials([optuna.trial.create_trial(values=each) for each in values])
    return study


def _keys(candidates: pd.DataFrame) -> list[str]:
    return sorted(key for keys in candidates["trial_keys"] for key in keys)


def trials_of_sweep() -> list[Trial]:
    """A little more than 10,000, every parent before its children."""
    return list(grow_tree(parse_sweep(SWEEP)))


def documents_of(trial: Trial) -> Iterator[NetworkResult | EvaluationResult]:
    """A trial's results: the same at every call."""
    draw = random.Random(trial.key)
    left = (1 - trial.ratio) ** trial.iterations
    accuracy = 0.9 - 0.4 * (1 - left) ** 2 + draw.gauss(0, 0.02)
    yield _network(trial, left, draw)
    for attack in trial.evaluations:
        yield _evaluation(trial, attack, accuracy, draw)


def _network(trial: Trial, left: float, draw: random.Random) -> NetworkResult:
    return {
        "kind": "network",
        "key": trial.key,
        **trial.relations,
        "settings": trial.settings,
        "setting": setting_of(trial),
        "parameters": round(800_000 * left),
        "flops": round(80_000_000 * left * draw.uniform(0.8, 1.0)),
        "filters_asked": 100,
        "filters_removed": 100,
        "blocks_asked": 0,
        "blocks_removed": 0,
        "single_filter_layers": 0,
        "epochs": 10,
        "epochs_total": trial.epochs_total,
        "history": [_epoch(number, draw) for number in range(1, 11)],
        "seconds": draw.uniform(50, 60),
        "device": "cpu",
        "versions": {"prunesweep": "1", "torch": "2", "torchvision": "0", "numpy": "2", "scikit-learn": "1"},
        "finished_at": 0.0,
    }


def _epoch(number: int, draw: random.Random) -> Epoch:
    return {
        "epoch": number,
        "loss": draw.random(),
        "accuracy": draw.random(),
        "learning_rate": 0.01,
        "seconds": draw.uniform(5, 6),
    }


def _evaluation(trial: Trial, attack: str, accuracy: float, draw: random.Random) -> EvaluationResult:
    kinds, severities, headline = COUNTED[attack]
    counts = [
        _count(kind, severity, accuracy * (1 - severity / (2 * severities[-1] + 1)) + draw.gauss(0, 0.02))
        for kind, severity in product(kinds, severities)
    ]
    return {
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
        "measures": {"logit_margin": draw.random(), "vanishing_gradients": draw.random()} if attack == "clean" else {},
        "source": "",
        "seconds": draw.uniform(5, 6),
        "finished_at": 0.0,
    }


def _count(kind: str, severity: float, accuracy: float) -> Count:
    correct = round(IMAGES * accuracy)
    return {"kind": kind, "severity": severity, "correct": [correct, correct // 2, correct - correct // 2]}


def write(url: str, trials: Sequence[Trial]) -> None:
    """Stores the results of trials, as a worker does."""
    store = Store(url)
    for trial in trials:
        for document in documents_of(trial):
            store.save_result(document)


if __name__ == "__main__":
    show(run())
