"""What a network predicts on the clean test images: classes with their confidences, and counts by class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunesweep.results_store.documents import ClassCounts
from prunesweep.results_store.halves import selection_half

PREDICTION_ARRAYS = ("labels", "predicted", "confidences")


@dataclass(frozen=True)
class Predictions:
    """The predictions of a network on the clean test images, in the order of the images.

    Attributes:
        labels: the true class of each image, integers (images,) in [0, classes).
        predicted: the class with the largest logit, integers (images,) in [0, classes).
        confidences: the softmax of the predicted class, floats (images,) in [0, 1].
    """

    labels: NDArray[Any]
    predicted: NDArray[Any]
    confidences: NDArray[Any]

    def packed(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of ``PREDICTION_ARRAYS`` by name, in the types in which they are stored.

        A class takes one byte, or two if there are more than 256 classes. A confidence is rounded to float16, by at
        most 0.00025.
        """
        class_type = np.min_scalar_type(max(int(classes.max(initial=0)) for classes in (self.labels, self.predicted)))
        return {
            "labels": self.labels.astype(class_type),
            "predicted": self.predicted.astype(class_type),
            "confidences": self.confidences.astype(np.float16),
        }


def count_by_class(predictions: Predictions, class_names: Sequence[str]) -> ClassCounts:
    """Return the numbers of images, of correctly classified images and of predictions of each class.

    The names of the classes are part of the counts unless they only repeat the numbers of the classes, as they do if
    the data set does not name its classes.

    Args:
        predictions: the predictions of a network.
        class_names: the names of all classes, in the order of their numbers.
    """
    classes, half = len(class_names), selection_half(len(predictions.labels))
    everything = np.ones_like(half)
    correct = predictions.labels == predictions.predicted
    counts: ClassCounts = {
        "total": [_count(predictions.labels[images], classes) for images in (everything, half, ~half)],
        "correct": [_count(predictions.labels[images & correct], classes) for images in (everything, half, ~half)],
        "predicted": _count(predictions.predicted, classes),
    }
    has_names = list(class_names) != [str(number) for number in range(classes)]
    return {**counts, "names": list(class_names)} if has_names else counts


def _count(numbers: NDArray[Any], classes: int) -> list[int]:
    """Return how often each class from 0 to ``classes - 1`` occurs in an array of class numbers."""
    occurrences: list[int] = np.bincount(numbers, minlength=classes).tolist()
    return occurrences
