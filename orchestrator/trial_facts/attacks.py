"""The accuracy of one trial under every attack, by kind and severity."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prunesweep.results_store.documents import Count, EvaluationResult
from prunesweep.results_store.rows import DocumentsByKind, Row, comparable_evaluation, latest_by_attack, reference_keys
from prunesweep.sweeps.catalogue import CLEAN, EVALUATIONS


@dataclass(frozen=True)
class SeverityFacts:
    """The accuracy under one kind of an attack at one severity, on all test images.

    Attributes:
        attack: the name of the attack.
        kind: the kind; the name of the attack if it has one kind.
        severity: the severity: ε in [0, 1], a side in pixels, or 1 to 5.
        is_headline: whether the severity enters robustness.
        correct: the number of correctly classified images.
        total: the number of images.
        accuracy: correct / total, in [0, 1].
        gain: the accuracy minus that of the baseline (of a defended baseline: the plain baseline), in percentage
            points; None if there is none that was tested in the same way.
        gain_over_control: the accuracy minus that of the control, likewise.
    """

    attack: str
    kind: str
    severity: float
    is_headline: bool
    correct: int
    total: int
    accuracy: float
    gain: float | None
    gain_over_control: float | None


def severities_of(row: Row, documents: DocumentsByKind) -> list[SeverityFacts]:
    """Return the accuracies of a trial under its attacks, in the order of the catalogue; without the clean images.

    Args:
        row: the trial's row of the table ``trials``.
        documents: the documents of the trial, of its baseline and of its control.
    """
    latest = latest_by_attack(documents.evaluations.get(row["trial_key"], []))
    attacks = [latest[name] for name in EVALUATIONS if name in latest and name != CLEAN]
    return [facts for evaluation in attacks for facts in _severities(evaluation, row, documents)]


def _severities(evaluation: EvaluationResult, row: Row, documents: DocumentsByKind) -> Iterator[SeverityFacts]:
    """Yield the accuracies in one evaluation, by kind and severity in the order of their computation."""
    baseline, control = (_accuracies_of(evaluation, key, documents) for key in reference_keys(row))
    headline, total = evaluation["headline_severity"], evaluation["total"][0]
    for count in evaluation["counts"]:
        correct, place = count["correct"][0], _place(count)
        accuracy = correct / total
        yield SeverityFacts(
            attack=evaluation["attack"],
            kind=count["kind"],
            severity=count["severity"],
            is_headline=headline in (None, count["severity"]),
            correct=correct,
            total=total,
            accuracy=accuracy,
            gain=100 * (accuracy - baseline[place]) if place in baseline else None,
            gain_over_control=100 * (accuracy - control[place]) if place in control else None,
        )


def _accuracies_of(
    evaluation: EvaluationResult, other_key: str | None, documents: DocumentsByKind
) -> Mapping[tuple[str, float], float]:
    """Return another network's accuracies under the same attack on the same images, by kind and severity."""
    other = comparable_evaluation(evaluation, documents.evaluations.get(other_key or "", []))
    if other is None:
        return {}
    return {_place(count): count["correct"][0] / other["total"][0] for count in other["counts"]}


def _place(count: Count) -> tuple[str, float]:
    return count["kind"], count["severity"]
