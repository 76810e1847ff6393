"""Makes the rows of the tables from the documents: pure functions, nothing is read or written here."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from results_store.documents import Document, EvaluationResult, FailureResult, NetworkResult
from results_store.schema import ACCURACIES, GAINS, HALVES, TRIALS
from sweeps.catalogue import ATTACKS, CLEAN

Row = dict[str, Any]


class Known:
    """The documents of a store, sorted by what they tell of."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self.networks: dict[str, NetworkResult] = {}
        self.evaluations: dict[str, list[EvaluationResult]] = defaultdict(list)
        self.failures: dict[str, FailureResult] = {}
        for document in sorted(documents, key=lambda document: (document["finished_at"], document["key"])):
            if document["kind"] == "network":
                self.networks[document["key"]] = document
            elif document["kind"] == "evaluation":
                self.evaluations[document["trial_key"]].append(document)
            else:
                self.failures[document["key"]] = document  # the latest replaces earlier ones
        # A success replaces a failure, whichever came last.
        self.failures = {key: failure for key, failure in self.failures.items() if not self._succeeded(failure)}

    def _succeeded(self, failure: FailureResult) -> bool:
        """Whether the network was evaluated by each attack, be it with other settings."""
        made = {evaluation["attack"] for evaluation in self.evaluations.get(failure["key"], [])}
        return made.issuperset(failure["evaluations"])


def trial_rows(known: Known) -> list[Row]:
    """One row a trial, sorted by key."""
    rows = {key: _trial_row(known, key) for key in sorted({*known.networks, *known.failures})}
    for row in rows.values():
        _add_gains(row, rows)
    return list(rows.values())


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
    _add_accuracies(row, _latest_by_attack(known.evaluations.get(key, [])))
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


def _add_gains(row: Row, rows: Mapping[str, Row]) -> None:
    """Gains in percentage points, where both networks saw the same images and attacks."""
    if row["parent_key"] is None:
        return
    others = dict(zip(GAINS, (row["baseline_key"], row["control_key"]), strict=True))
    for gain, other_key in others.items():
        other = rows.get(other_key) if other_key else None
        if other is None or other["test_fingerprint"] != row["test_fingerprint"]:
            continue
        comparable = row["robustness_definition"] == other["robustness_definition"]
        for name in ACCURACIES:
            for half in HALVES:
                mine, theirs = row[f"{name}{half}"], other[f"{name}{half}"]
                if mine is not None and theirs is not None and (comparable or name == "generalization"):
                    row[f"{name}_{gain}{half}"] = 100 * (mine - theirs)


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
