"""The rows of the tables, derived from the documents; the functions here neither read nor write the store."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from prunesweep.results_store.documents import (
    Document,
    ElementsResult,
    EvaluationResult,
    FailureResult,
    NetworkResult,
    TransferResult,
    VerdictResult,
    failed_ancestor_of,
)
from prunesweep.results_store.schema import (
    ELEMENT_COLUMNS,
    GAINS,
    HALF_SUFFIXES,
    TRANSFER_COLUMNS,
    TRIAL_COLUMNS,
    VERDICT_COLUMNS,
    Column,
)
from prunesweep.sweeps.catalogue import ATTACKS, CLEAN, PLAIN
from prunesweep.sweeps.setting import Setting

Row = dict[str, Any]
"""A row of a table: values by column."""


class DocumentsByKind:
    """The documents of a store by kind.

    Attributes:
        networks: the network of each trial, by trial key.
        evaluations: the evaluations of each trial, oldest first, by trial key.
        failures: the latest failure of each trial whose result is still missing, by trial key.
        transfers: all transfers, oldest first.
        elements: all single-element analyses, oldest first.
        verdicts: the verdict with the most evidence on each trial, by trial key.
    """

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Sort the documents by kind.

        Args:
            documents: the documents, in any order.
        """
        self.networks: dict[str, NetworkResult] = {}
        self.evaluations: dict[str, list[EvaluationResult]] = defaultdict(list)
        self.failures: dict[str, FailureResult] = {}
        self.transfers: list[TransferResult] = []
        self.elements: list[ElementsResult] = []
        self.verdicts: dict[str, VerdictResult] = {}
        failures: list[FailureResult] = []
        stored_keys: set[str] = set()
        oldest_first = sorted(documents, key=lambda document: (document["finished_at"], document["key"]))
        for document in cast("list[Document]", oldest_first):
            if document["kind"] == "failure":
                failures.append(document)
                continue
            stored_keys.add(document["key"])
            if document["kind"] == "network":
                self.networks[document["key"]] = document
            elif document["kind"] == "evaluation":
                self.evaluations[document["trial_key"]].append(document)
            elif document["kind"] == "transfer":
                self.transfers.append(document)
            elif document["kind"] == "elements":
                self.elements.append(document)
            else:
                previous = self.verdicts.get(document["trial_key"])
                if previous is None or _evidence_rank(document) >= _evidence_rank(previous):
                    self.verdicts[document["trial_key"]] = document
        # A stored result voids the failure to produce it, whichever is newer.
        self.failures = {failure["key"]: failure for failure in failures if failure["failed"] not in stored_keys}


def _evidence_rank(verdict: VerdictResult) -> tuple[int, int, int]:
    """Return a verdict's version of the rules, number of images and number of images for AutoAttack.

    Of the verdicts on one trial the greatest such tuple counts, so that a newer verdict with less evidence does not
    replace an older verdict with more.
    """
    return verdict["version"], verdict["images"], verdict["evidence"].get("effort", {}).get("autoattack", 0)


def trial_rows(documents: DocumentsByKind) -> list[Row]:
    """Return one row per trial, sorted by key."""
    return [_trial_row(documents, key) for key in sorted({*documents.networks, *documents.failures})]


def attack_rows(documents: DocumentsByKind) -> list[Row]:
    """Return one row per trial, attack, kind and severity, on the test images of the trial's latest evaluation.

    If several evaluations cover the same attack, kind and severity, the latest of them counts.
    """
    rows: list[Row] = []
    for key in sorted(documents.evaluations):
        row_by_attack: dict[tuple[str, str, float], Row] = {}
        for evaluation in _on_latest_images(documents.evaluations[key]):
            for row in _attack_rows(evaluation):
                row_by_attack[row["attack"], row["kind"], row["severity"]] = row
        rows += [row_by_attack[attack] for attack in sorted(row_by_attack)]
    return rows


def history_rows(documents: DocumentsByKind) -> list[Row]:
    """Return one row per trial and epoch."""
    networks = sorted(documents.networks.items())
    return [{"trial_key": key, **epoch} for key, network in networks for epoch in network["history"]]


def _trial_row(documents: DocumentsByKind, key: str) -> Row:
    row: Row = dict.fromkeys(column.name for column in TRIAL_COLUMNS)
    failure, network = documents.failures.get(key), documents.networks.get(key)
    described = network or failure
    assert described is not None
    row |= {
        "trial_key": key,
        "parent_key": described["parent_key"],
        "baseline_key": described["baseline_key"],
        "control_key": described["control_key"],
        "plain_key": described.get("plain_key"),  # missing, like "recipe", in documents older than recipes
        "recipe": PLAIN,
        **described["settings"],
        **_setting(network, failure),
    }
    if network is not None:
        row |= {name: value for name, value in network.items() if name in _NETWORK_COLUMNS}
    if failure is not None:
        row["error"] = failure["error"]
        row["failed_ancestor"] = failed_ancestor_of(failure)
    evaluations = latest_by_attack(documents.evaluations.get(key, []))
    _add_accuracies(row, evaluations)
    for gain, reference in zip(GAINS, reference_keys(row), strict=True):
        if reference is not None:
            _add_gains(row, gain, evaluations, documents.evaluations.get(reference, []))
    return row


def _setting(network: NetworkResult | None, failure: FailureResult | None) -> Setting:
    """Return the setting (all of the key but the seed) in a trial's documents, empty if an older version wrote them."""
    settings = (
        document["setting"] for document in (network, failure) if document is not None and "setting" in document
    )
    return next(settings, {})


def reference_keys(row: Row) -> tuple[str | None, str | None]:
    """Return the keys of the baseline and the control over which the gains of a trial are taken.

    The gains of a defended baseline are over the plain baseline.

    Args:
        row: a row of the table ``trials``.

    Returns:
        ``(baseline, control)``, each None if the trial has no gain over this network.
    """
    if row["parent_key"] is None:
        return row["plain_key"], None
    return row["baseline_key"], row["control_key"]


_NETWORK_COLUMNS = frozenset(
    {
        "parameters",
        "flops",
        "filters_asked",
        "filters_removed",
        "blocks_asked",
        "blocks_removed",
        "single_filter_layers",
        "epochs",
        "epochs_total",
        "seconds",
        "device",
    }
)


def _on_latest_images(evaluations: Sequence[EvaluationResult]) -> list[EvaluationResult]:
    """Return the evaluations on the test images of the latest one, so that no row mixes two sets of test images.

    Args:
        evaluations: the evaluations of one trial, oldest first.
    """
    if not evaluations:
        return []
    fingerprint = evaluations[-1]["test_fingerprint"]
    return [evaluation for evaluation in evaluations if evaluation["test_fingerprint"] == fingerprint]


def latest_by_attack(evaluations: Sequence[EvaluationResult]) -> dict[str, EvaluationResult]:
    """Return the evaluations that a trial's row shows: for the name of each attack, the latest evaluation under it.

    Evaluations on other test images than those of the trial's most recent evaluation are ignored.

    Args:
        evaluations: the evaluations of one trial, oldest first.
    """
    return {evaluation["attack"]: evaluation for evaluation in _on_latest_images(evaluations)}


def robustness_attacks(attacks: Collection[str]) -> list[str]:
    """Return the attacks over which robustness is the mean, each with the same weight.

    Args:
        attacks: the attacks of the evaluations that a trial's row shows, which may include ``clean``.
    """
    return [name for name in ATTACKS if name in attacks]


def _add_accuracies(row: Row, evaluations: Mapping[str, EvaluationResult]) -> None:
    """Add the accuracies and the other measurements of evaluations to a row of the table ``trials``.

    Args:
        row: the row, which is changed in place.
        evaluations: the evaluations that the row shows, by attack.
    """
    attacks = robustness_attacks(evaluations)
    headlines = {name: headline_accuracies(evaluation) for name, evaluation in evaluations.items()}
    for index, half in enumerate(HALF_SUFFIXES):
        if CLEAN in headlines:
            row[f"generalization{half}"] = headlines[CLEAN][index]
        for name in attacks:
            row[f"robustness_{name}{half}"] = headlines[name][index]
        if attacks:
            row[f"robustness{half}"] = sum(headlines[name][index] for name in attacks) / len(attacks)
    if attacks:
        row["robustness_definition"] = "; ".join(_definition(evaluations[name]) for name in attacks)
    for evaluation in evaluations.values():
        row |= evaluation["measures"]
        row["test_fingerprint"] = evaluation["test_fingerprint"]
        row["seconds"] = (row["seconds"] or 0.0) + evaluation["seconds"]


def _definition(evaluation: EvaluationResult) -> str:
    """Return an attack's part of ``robustness_definition``: name, headline, and version if above 1."""
    version = f" (version {evaluation['version']})" if evaluation["version"] > 1 else ""
    return f"{evaluation['attack']} {evaluation['headline']}{version}"


def headline_accuracies(evaluation: EvaluationResult) -> list[float]:
    """Return an evaluation's accuracy at its headline severity (that enters robustness), the mean over the kinds.

    If all severities enter robustness (``headline_severity`` is None), the mean is over the severities too.

    Returns:
        ``[all images, selection half, report half]``, each in [0, 1].
    """
    headline = evaluation["headline_severity"]
    counts = [count["correct"] for count in evaluation["counts"] if headline in (None, count["severity"])]
    kinds_times_images = [len(counts) * total for total in evaluation["total"]]
    return [sum(half) / total for half, total in zip(zip(*counts, strict=True), kinds_times_images, strict=True)]


def _add_gains(
    row: Row,
    gain: str,
    evaluations: Mapping[str, EvaluationResult],
    others: Sequence[EvaluationResult],
) -> None:
    """Add the gains over another network, in percentage points, to a row of the table ``trials``.

    A gain stays null unless the other network was attacked in the same way on the same images.

    Args:
        row: the row, which is changed in place.
        gain: one of ``GAINS``.
        evaluations: the evaluations that the row shows, by attack.
        others: the evaluations of the other network, oldest first.
    """
    differences: dict[str, list[float]] = {}
    for name, evaluation in evaluations.items():
        other = comparable_evaluation(evaluation, others)
        if other is not None:
            own_accuracies, other_accuracies = headline_accuracies(evaluation), headline_accuracies(other)
            differences[name] = [100 * (a - b) for a, b in zip(own_accuracies, other_accuracies, strict=True)]
    attacks = robustness_attacks(evaluations)
    for index, half in enumerate(HALF_SUFFIXES):
        if CLEAN in differences:
            row[f"generalization_{gain}{half}"] = differences[CLEAN][index]
        for name in attacks:
            if name in differences:
                row[f"robustness_{name}_{gain}{half}"] = differences[name][index]
        if attacks and differences.keys() >= set(attacks):
            row[f"robustness_{gain}{half}"] = sum(differences[name][index] for name in attacks) / len(attacks)


def comparable_evaluation(evaluation: EvaluationResult, others: Iterable[EvaluationResult]) -> EvaluationResult | None:
    """Return the evaluation of another network by the same attack on the same images, or None if there is none.

    It need not be the other network's latest evaluation, because a sweep may since have attacked that network in
    another way.

    Args:
        evaluation: the evaluation to compare.
        others: the evaluations of the other network, oldest first.
    """
    conditions = _conditions(evaluation)
    return next((other for other in others if _conditions(other) == conditions), None)


def _conditions(evaluation: EvaluationResult) -> tuple[object, ...]:
    """Return the values that two evaluations must share for their accuracies at the headline to be comparable."""
    fields = ("attack", "version", "headline", "headline_severity", "test_fingerprint")
    return tuple(evaluation.get(field) for field in fields)


def _attack_rows(evaluation: EvaluationResult) -> Iterator[Row]:
    """Yield the rows of the table ``attacks`` for one evaluation."""
    total, total_selection, total_report = evaluation["total"]
    for count in evaluation["counts"]:
        correct, correct_selection, correct_report = count["correct"]
        yield {
            "trial_key": evaluation["trial_key"],
            "attack": evaluation["attack"],
            "kind": count["kind"],
            "severity": count["severity"],
            "correct": correct,
            "total": total,
            "accuracy": correct / total,
            "correct_selection": correct_selection,
            "total_selection": total_selection,
            "correct_report": correct_report,
            "total_report": total_report,
            "source": evaluation["source"] or None,
            "test_fingerprint": evaluation["test_fingerprint"],
        }


def class_rows(documents: DocumentsByKind) -> Iterator[Row]:
    """Yield one row per trial and class of its test images, on the test images of the trial's latest evaluation.

    Trials that an older version evaluated have no rows, because it did not count the images of each class.
    """
    for key in sorted(documents.evaluations):
        evaluation = latest_by_attack(documents.evaluations[key]).get(CLEAN)
        described = documents.networks.get(key) or documents.failures.get(key)
        if evaluation is not None and "classes" in evaluation:
            references = reference_keys({"plain_key": None, **described}) if described is not None else (None, None)
            others = [documents.evaluations.get(reference or "", []) for reference in references]
            yield from _class_rows(evaluation, others)


def _class_rows(evaluation: EvaluationResult, others: Sequence[Sequence[EvaluationResult]]) -> Iterator[Row]:
    """Yield the rows of the table ``classes`` for one evaluation.

    Args:
        evaluation: an evaluation on clean images, with the counts of each class.
        others: the evaluations of the baseline and of the control, oldest first; empty if there is no such network.
    """
    counts = evaluation["classes"]
    accuracies = _accuracies_by_class(evaluation)
    columns: dict[str, Sequence[object]] = {"name": counts.get("names", [None] * len(counts["predicted"]))}
    for half, total, correct, accuracy in zip(
        HALF_SUFFIXES, counts["total"], counts["correct"], accuracies, strict=True
    ):
        columns |= {f"total{half}": total, f"correct{half}": correct, f"accuracy{half}": accuracy}
    columns["predicted"] = counts["predicted"]
    for gain, of_reference in zip(GAINS, others, strict=True):
        other = comparable_evaluation(evaluation, of_reference)
        if other is not None and "classes" in other:
            columns[gain] = list(map(_class_gain, accuracies[0], _accuracies_by_class(other)[0]))
    shared = {"trial_key": evaluation["trial_key"], "test_fingerprint": evaluation["test_fingerprint"]}
    for number, values in enumerate(zip(*columns.values(), strict=True)):
        yield {**shared, "class": number, **dict(zip(columns, values, strict=True))}


def _accuracies_by_class(evaluation: EvaluationResult) -> list[list[float | None]]:
    """Return the accuracies of all classes on all images, the selection half and the report half.

    An accuracy is in [0, 1], or None if the class has no image.
    """
    counts = evaluation["classes"]
    return [
        [right / images if images else None for right, images in zip(correct, total, strict=True)]
        for correct, total in zip(counts["correct"], counts["total"], strict=True)
    ]


def _class_gain(ours: float | None, theirs: float | None) -> float | None:
    """Return the difference of two accuracies in percentage points, or None if one of them is None."""
    return None if ours is None or theirs is None else 100 * (ours - theirs)


def transfer_rows(documents: DocumentsByKind) -> list[Row]:
    """Return one row per source, target, attack and severity."""
    rows = [_columns(document, TRANSFER_COLUMNS) | _accuracy(document) for document in documents.transfers]
    return sorted(rows, key=lambda row: (row["source_key"], row["target_key"], row["attack"], row["severity"]))


def _accuracy(transfer: TransferResult) -> Row:
    correct, total = transfer["correct"][0], transfer["total"][0]
    return {"correct": correct, "total": total, "accuracy": correct / total}


def element_rows(documents: DocumentsByKind) -> list[Row]:
    """Return one row per network, element (a filter or a residual block), attack and number of images.

    Two analyses of the same elements with different sets of attacks repeat some counts. Each count has only one row.
    """
    columns = ("trial_key", "structure", "module", "attack", "headline", "images", "test_fingerprint", "element")
    rows = (row for document in documents.elements for row in _element_rows(document))
    row_by_values = {tuple(row[column] for column in columns): row for row in rows}
    return [row_by_values[values] for values in sorted(row_by_values)]


def _element_rows(document: ElementsResult) -> Iterator[Row]:
    """Yield the rows of the table ``elements`` for one document."""
    shared = _columns(document, ELEMENT_COLUMNS)
    for attack in document["attacks"]:
        for element, correct in zip(document["elements"], attack["correct"], strict=True):
            total = attack["total"]
            yield {
                **shared,
                **_columns(attack, ELEMENT_COLUMNS),
                "element": element,
                "correct": correct,
                "accuracy": correct / total,
                "gain": 100 * (correct - attack["reference"]) / total,
            }


def verdict_rows(documents: DocumentsByKind) -> list[Row]:
    """Return one row per verified trial, for the verdict on it with the most evidence."""
    return [
        _columns(verdict, VERDICT_COLUMNS) | {"alarms": "; ".join(verdict["alarms"]) or None}
        for _, verdict in sorted(documents.verdicts.items())
    ]


def _columns(document: Mapping[str, Any], columns: Sequence[Column]) -> Row:
    """Return those fields of a document that are also columns of a table."""
    return {column.name: document[column.name] for column in columns if column.name in document}


def rows_of(table: str, documents: DocumentsByKind) -> Iterable[Row]:
    """Return the rows of a table, sorted by the trial key in their first column.

    Args:
        table: one of ``schema.TABLES``.
        documents: all documents that the table describes.
    """
    return _ROW_BUILDERS[table](documents)


_ROW_BUILDERS: Mapping[str, Callable[[DocumentsByKind], Iterable[Row]]] = {
    "trials": trial_rows,
    "attacks": attack_rows,
    "classes": class_rows,
    "history": history_rows,
    "transfer": transfer_rows,
    "elements": element_rows,
    "verdicts": verdict_rows,
}
