"""The accuracies of one trial on each class, beside those of its control or baseline, and its calibration."""

from collections.abc import Mapping
from dataclasses import dataclass

from prunesweep.orchestrator.comparison.classes import class_gains
from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.rows import Row

OLDER_VERSION = "an older version of prunesweep evaluated the trial, which did not count the images of each class"


class NoClasses(Exception):
    """The reason, in one line, why nothing is known about the classes of a trial."""


@dataclass(frozen=True)
class ClassFacts:
    """The accuracy of a trial on one class of the clean test images.

    Attributes:
        number: the number of the class.
        name: its name; None if the data set does not name it.
        images: its test images.
        accuracy: the accuracy on them, in [0, 1].
        reference: the accuracy of the network that the trial is compared with; None, as are the following values, if
            there is none.
        gain: the gain over that network, in percentage points.
        low: the lower bound of the paired 95 % interval of the gain.
        high: the upper bound.
        p_holm: the exact p-value of McNemar's test, adjusted for all classes.
    """

    number: int
    name: str | None
    images: int
    accuracy: float
    reference: float | None
    gain: float | None
    low: float | None
    high: float | None
    p_holm: float | None


@dataclass(frozen=True)
class ClassesFacts:
    """The accuracies of a trial on all classes, and its calibration.

    Attributes:
        over: the network that the gains are over: ``control``, or ``baseline`` if there is no control; None if there is
            no network to compare with.
        by_class: the classes with test images, the largest loss first, or the lowest accuracy if there are no gains.
        ece: the expected calibration error, as in the table ``trials``; None if it is not known.
        reference_ece: that of the network that the gains are over.
    """

    over: str | None
    by_class: list[ClassFacts]
    ece: float | None
    reference_ece: float | None


def classes_of(store: Store, row: Row, rows: Mapping[str, Row]) -> ClassesFacts:
    """Return the accuracies of a trial on all classes.

    Args:
        store: the store with the predicted class of each image.
        row: the trial's row of the table ``trials``, nulls as None.
        rows: all rows of the table ``trials``, by trial key.

    Raises:
        NoClasses: the trial was not evaluated, or by an older version, or the outcomes of its images are damaged.
    """
    if row["generalization"] is None:
        raise NoClasses("the trial was not evaluated on clean images")
    try:
        gains = class_gains(store, row)
    except StoreError as error:
        raise NoClasses(str(error)) from None
    if gains is None:
        raise NoClasses(OLDER_VERSION)
    table = gains.table.drop(columns="p").rename(columns={"class": "number"}).astype(object)
    by_class = [
        ClassFacts(**{str(k): v for k, v in each.items()})
        for each in table.where(table.notna(), None).to_dict("records")
    ]
    reference = rows.get(row[f"{gains.over}_key"] or "") if gains.over is not None else None
    return ClassesFacts(gains.over, by_class, row["ece"], None if reference is None else reference["ece"])
