"""Which classes pruning forgets: the accuracy of a network on each class beside that of its control or baseline."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prunesweep.orchestrator.statistics import holm, mcnemar
from prunesweep.orchestrator.statistics.paired_proportions import paired_proportion_interval
from prunesweep.results_store import Store
from prunesweep.results_store.documents import EvaluationResult
from prunesweep.results_store.image_scores import PerImageScores
from prunesweep.results_store.rows import comparable_evaluation, latest_by_attack, reference_keys
from prunesweep.sweeps.catalogue import CLEAN

CLASS_GAIN_COLUMNS = ("class", "name", "images", "accuracy", "reference", "gain", "low", "high", "p", "p_holm")


@dataclass(frozen=True)
class ClassGains:
    """The gains of a network on each class of the clean test images.

    Attributes:
        over: the network that the gains are over: ``control``, or ``baseline`` if the trial has no control that was
            evaluated on the same images; None if it has no baseline either.
        table: one row per class with test images, the largest loss first, with the columns ``CLASS_GAIN_COLUMNS``:
            the number and the name of the class (null if the data set does not name it); its test images; our accuracy
            and that of the other network; the gain in percentage points with its paired 95 % interval ``low`` to
            ``high``; the exact p-value of McNemar's test, and ``p_holm``, adjusted for all classes of the table. If
            ``over`` is None, the lowest accuracy is first, and all columns after it are null.
    """

    over: str | None
    table: pd.DataFrame


def class_gains(store: Store, trial: dict[str, Any]) -> ClassGains | None:
    """Return the gains of a trial on each class, on all test images.

    ``StoreError`` is raised if the stored outcomes are damaged or missing.

    Args:
        store: the store with the trial.
        trial: the trial's row of the table ``trials``, nulls as None.

    Returns:
        The gains; None if the trial was not evaluated on clean images, or by an older version of prunesweep, which did
        not store the class of each image.
    """
    baseline, control = reference_keys(trial)
    keys = {"control": control, "baseline": baseline}
    evaluations = store.evaluations([key for key in (trial["trial_key"], *keys.values()) if key is not None])
    own = latest_by_attack([each for each in evaluations if each["trial_key"] == trial["trial_key"]]).get(CLEAN)
    if own is None or "classes" not in own:
        return None
    for over, key in keys.items():
        other = comparable_evaluation(own, [each for each in evaluations if each["trial_key"] == key])
        if other is not None:
            return ClassGains(over, _class_table(store, own, other))
    return ClassGains(None, _accuracy_table(own))


def _accuracy_table(own: EvaluationResult) -> pd.DataFrame:
    """Return the table of ``ClassGains`` for an evaluation that is compared with no other."""
    counts = own["classes"]
    rows = [
        {"class": number, "name": name, "images": images, "accuracy": correct / images}
        for number, (name, images, correct) in enumerate(
            zip(_names(own), counts["total"][0], counts["correct"][0], strict=True)
        )
        if images
    ]
    return pd.DataFrame(rows, columns=CLASS_GAIN_COLUMNS).sort_values(["accuracy", "class"], ignore_index=True)


def _class_table(store: Store, own: EvaluationResult, other: EvaluationResult) -> pd.DataFrame:
    """Return the table of ``ClassGains`` for two evaluations on the same clean images."""
    predictions = store.load_predictions(own["key"])
    assert predictions is not None, "they are stored before the counts of the classes"
    ours, theirs = (store.load_outcomes(evaluation["key"])[CLEAN] for evaluation in (own, other))
    names = _names(own)
    table = pd.DataFrame(_class_rows(predictions.labels, ours, theirs, names), columns=CLASS_GAIN_COLUMNS[:-1])
    table["p_holm"] = holm(table["p"].to_numpy())
    return table.sort_values(["gain", "p", "class"], ignore_index=True)


def _names(evaluation: EvaluationResult) -> list[str] | list[None]:
    """Return the names of all classes, or a None for each if the data set does not name them."""
    counts = evaluation["classes"]
    return counts["names"] if "names" in counts else [None] * len(counts["predicted"])


def _class_rows(
    labels: NDArray[Any], ours: PerImageScores, theirs: PerImageScores, names: Sequence[str | None]
) -> Iterator[tuple[Any, ...]]:
    """Yield the values of ``CLASS_GAIN_COLUMNS``, without ``p_holm``, of each class with test images."""
    for number in np.unique(labels).tolist():
        images = labels == number
        our, their, count = ours[images], theirs[images], int(images.sum())
        only_ours, only_theirs = int((our & ~their).sum()), int((their & ~our).sum())
        interval = paired_proportion_interval(only_ours, only_theirs, count)
        gain = 100 * (only_ours - only_theirs) / count
        yield number, names[number], count, our.mean(), their.mean(), gain, *interval, mcnemar(our, their)
