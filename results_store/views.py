"""Makes the rows of the tables from the documents: pure functions, nothing is read or written here."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from results_store.documents import Document, EvaluationResult, FailureResult, NetworkResult
from results_store.schema import GAINS, HALVES, TRIALS
from sweeps.catalogue import ATTACKS, CLEAN

Row = dict[str, Any]


class Known:
    """The documents of a store, sorted by what they tell of; evaluations and failures oldest first."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.networks: dict[str, NetworkResult] = {}
        self.evaluations: dict[str, list[EvaluationResult]] = defaultdict(list)
        self.failures: dict[str, FailureResult] = {}
        failures: list[FailureResult] = []
        made: set[str] = set()
        for document in sorted(documents, key=lambda document: (document["finished_at"], document["key"])):
            if document["kind"] == "failure":
                failures.append(document)
                continue
            made.add(document["key"])
            if document["kind"] == "network":
                self.networks[document["key"]] = document
            else:
                self.evaluations[document["trial_key"]].append(document)
        # A success replaces a failure, whichever came last.
        self.failures = {failure["key"]: failure for failure in failures if failure["failed"] not in made}


def trial_rows(known: Known) -> list[Row]:
    """One row a trial, sorted by key."""
    return [_trial_row(known, key) for key in sorted({*known.networks, *known.failures})]


def attack_rows(known: Known) -> list[Row]:
    """One row a trial × attack × kind × severity, on the test images that the trial was last evaluated on."""
    rows: list[Row] = []
    for key in sorted(known.evaluations):
        found: dict[tuple[str, str, float], Row] = {}
        for evaluation in _current(known.evaluations[key]):
            for row in _attack_rows(evaluation):
                found[row["attack"], row["kind"], row["severity"]] = row
        rows += [found[place] for place in sorted(found)]
    return rows


def history_rows(known: Known) -> list[Row]:
    """One row a trial × epoch."""
    return [{"trial_key": key, **epoch} for key in sorted(known.networks) for epoch in known.networks[key]["history"]]


def _trial_row(known: Known, key: str) -> Row:
    row: Row = dict.fromkeys(column.name for column in TRIALS)
    failure, network = known.failures.get(key), known.networks.get(key)
    described = network or failure
    assert described is not None
    row |= {
        "trial_key": key,
        "parent_key": described["parent_key"],
        "baseline_key": described["baseline_key"],
        "control_key": described["control_key"],
        **described["settings"],
    }
    if network is not None:
        row |= {name: value for name, value in network.items() if name in _NETWORK_COLUMNS}
    if failure is not None:
        row["error"] = failure["error"]
    shown = _latest_by_attack(known.evaluations.get(key, []))
    _add_accuracies(row, shown)
    if row["parent_key"] is not None:
        for gain, other in zip(GAINS, (row["baseline_key"], row["control_key"]), strict=True):
            _add_gains(row, gain, shown, known.evaluations.get(other, []))
    return row


_NETWORK_COLUMNS = frozenset(
    {
        "parameters",
        "flops",
        "filters_asked",
        "filters_removed",
        "blocks_asked",
        "blocks_removed",
        "epochs",
        "epochs_total",
        "seconds",
        "device",
    }
)


def _current(evaluations: Sequence[EvaluationResult]) -> list[EvaluationResult]:
    """The evaluations, oldest first, on the test images of the latest: one row never mixes two sets of images."""
    if not evaluations:
        return []
    images = evaluations[-1]["test_fingerprint"]
    return [evaluation for evaluation in evaluations if evaluation["test_fingerprint"] == images]


def _latest_by_attack(evaluations: Sequence[EvaluationResult]) -> dict[str, EvaluationResult]:
    return {evaluation["attack"]: evaluation for evaluation in _current(evaluations)}


def _add_accuracies(row: Row, evaluations: Mapping[str, EvaluationResult]) -> None:
    attacks = [name for name in ATTACKS if name in evaluations]
    headlines = {name: _headline_accuracies(evaluation) for name, evaluation in evaluations.items()}
    for index, half in enumerate(HALVES):
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
    """An attack's part of a robustness: what it means, and by which version where its meaning has changed."""
    version = f" (version {evaluation['version']})" if evaluation["version"] > 1 else ""
    return f"{evaluation['attack']} {evaluation['headline']}{version}"


def _headline_accuracies(evaluation: EvaluationResult) -> list[float]:
    """The mean over the kinds of the accuracy at the headline severity: all images, selection, report half."""
    counts = [c["correct"] for c in evaluation["counts"] if c["severity"] == evaluation["headline_severity"]]
    kinds_times_images = [len(counts) * total for total in evaluation["total"]]
    return [sum(half) / total for half, total in zip(zip(*counts, strict=True), kinds_times_images, strict=True)]


def _add_gains(
    row: Row,
    gain: str,
    shown: Mapping[str, EvaluationResult],
    others: Sequence[EvaluationResult],
) -> None:
    """Gains in percentage points over another network, wherever it was attacked in the same way on the same images.

    Its latest evaluation need not be that one: another sweep may have attacked it in another way since.
    """
    differences: dict[str, list[float]] = {}
    for name, evaluation in shown.items():
        other = next((other for other in others if _comparison(other) == _comparison(evaluation)), None)
        if other is not None:
            mine, theirs = _headline_accuracies(evaluation), _headline_accuracies(other)
            differences[name] = [100 * (one - two) for one, two in zip(mine, theirs, strict=True)]
    attacks = [name for name in ATTACKS if name in shown]
    for index, half in enumerate(HALVES):
        if CLEAN in differences:
            row[f"generalization_{gain}{half}"] = differences[CLEAN][index]
        for name in attacks:
            if name in differences:
                row[f"robustness_{name}_{gain}{half}"] = differences[name][index]
        if attacks and differences.keys() >= set(attacks):
            row[f"robustness_{gain}{half}"] = sum(differences[name][index] for name in attacks) / len(attacks)


def _comparison(evaluation: EvaluationResult) -> tuple[object, ...]:
    """What two evaluations must have in common so that their headline accuracies can be compared."""
    same = ("attack", "version", "headline", "headline_severity", "test_fingerprint")
    return tuple(evaluation.get(name) for name in same)


def _attack_rows(evaluation: EvaluationResult) -> Iterator[Row]:
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


def rows_of(table: str, documents: Iterable[Any]) -> list[Row]:
    """The rows of one of ``schema.TABLES``."""
    return _ROWS[table](Known(cast("Iterable[Document]", documents)))


_ROWS = {"trials": trial_rows, "attacks": attack_rows, "history": history_rows}
