"""The accuracies of one trial, and its gains over its baseline and its control with intervals over the test images."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import pandas as pd

from prunesweep.orchestrator.statistics import paired_difference
from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.image_scores import ImageScores
from prunesweep.results_store.rows import Row, reference_keys
from prunesweep.results_store.schema import ACCURACIES, GAINS


@dataclass(frozen=True)
class GainFacts:
    """The gain of a trial in one figure over another network, in percentage points.

    Attributes:
        all: on all test images.
        selection: on the selection half.
        report: on the report half.
        low: the lower bound of the paired 95 % interval on all test images; None if the outcomes of the images are not
            stored.
        high: the upper bound.
    """

    all: float
    selection: float
    report: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class AccuracyFacts:
    """One accuracy of a trial.

    Attributes:
        figure: ``generalization``, ``robustness`` or ``robustness_ATTACK``.
        all: the accuracy on all test images, in [0, 1].
        selection: the accuracy on the selection half.
        report: the accuracy on the report half.
        gain: the gain over the baseline (of a defended baseline: the plain baseline); None if there is none that was
            tested in the same way.
        gain_over_control: the gain over the control, likewise.
    """

    figure: str
    all: float
    selection: float
    report: float
    gain: GainFacts | None
    gain_over_control: GainFacts | None


def accuracies_of(store: Store, row: Row, rows: Mapping[str, Row]) -> list[AccuracyFacts]:
    """Return the accuracies of a trial that are known, in the order of the table ``trials``.

    Args:
        store: the store with the outcomes of the images.
        row: the trial's row of the table ``trials``.
        rows: all rows of the table ``trials``, by trial key.
    """
    references = [key for key in reference_keys(row) if key is not None]
    # A network that is compared with may have evaluations although its own result, and so its row, is missing.
    related = [row, *(rows.get(key, {**dict.fromkeys(row), "trial_key": key}) for key in references)]
    scores = ImageScores(store, pd.DataFrame(related))
    return [
        AccuracyFacts(
            figure,
            *_on_images(row, figure),
            *(_gain(scores, row, figure, gain) for gain in GAINS),
        )
        for figure in ACCURACIES
        if row[figure] is not None
    ]


def _on_images(row: Row, column: str) -> tuple[float, float, float]:
    """Return the values of a column on all test images, on the selection half and on the report half."""
    return row[column], row[f"{column}_selection"], row[f"{column}_report"]


def _gain(scores: ImageScores, row: Row, figure: str, gain: str) -> GainFacts | None:
    column = f"{figure}_{gain}"
    if row[column] is None:
        return None
    low = high = None
    with suppress(StoreError):  # missing or damaged outcomes: the gain is known all the same
        difference = paired_difference([scores.paired_scores_of_gain(row["trial_key"], figure, gain)])
        low, high = difference.low, difference.high
    return GainFacts(*_on_images(row, column), low, high)
