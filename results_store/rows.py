"""Makes the rows of the tables from the documents: pure functions, nothing is read or written here."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from prunesweep.results_store.documents import (
    Document,
    ElementsResult,
    EvaluationResult,
    FailureResult,
    NetworkResult,
    TransferResult,
    VerdictResult,
    ancestor_of,
)
from prunesweep.results_store.schema import ELEMENTS, GAINS, HALVES, TRANSFER, TRIALS, VERDICTS, Column
from prunesweep.sweeps.catalogue import ATTACKS, CLEAN, PLAIN
from prunesweep.sweeps.setting import Setting

Row = dict[str, Any]


class SortedDocuments:
    """The documents of a store, sorted by what they tell of; evaluations and failures oldest first."""

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        self.networks: dict[str, NetworkResult] = {}
        self.evaluations: dict[str, list[EvaluationResult]] = defaultdict(list)
        self.failures: dict[str, FailureResult] = {}
        self.transfers: list[TransferResult] = []
        self.elements: list[ElementsResult] = []
        self.verdicts: dict[str, VerdictResult] = {}  # one a trial; see ``_weight``
        failures: list[FailureResult] = []
        made: set[str] = set()
        oldest_first = sorted(documents, key=lambda document: (document["finished_at"], document["key"]))
        for document in cast("list[Document]", oldest_first):
            if document["kind"] == "failure":
                failures.append(document)
                continue
            made.add(document["key"])
            if document["kind"] == "network":
                self.networks[document["key"]] = document
            elif document["kind"] == "evaluation":
                self.evaluations[document["trial_key"]].append(document)
            elif document["kind"] == "transfer":
                self.transfers.append(document)
            elif document["kind"] == "elements":
                self.elements.append(document)
            else:
                known = self.verdicts.get(document["trial_key"])
                if known is None or _weight(document) >= _weight(known):
                    self.verdicts[document["trial_key"]] = document
        # A success replaces a failure, whichever came last.
        self.failures = {failure["key"]: failure for failure in failures if failure["failed"] not in made}


def _weight(verdict: VerdictResult) -> tuple[int, int, int]:
    """What verdicts of one trial are ordered by: newer rules, then more images, then more of them by AutoAttack.

    A verdict on fewer images never stands in for one on more, whichever came last.
    """
    return verdict["version"], verdict["images"], verdict["evidence"].get("effort", {}).get("autoattack", 0)


def trial_rows(known: SortedDocuments) -> list[Row]:
    """One row a trial, sorted by key."""
    return [_trial_row(known, key) for key in sorted({*known.networks, *known.failures})]


def attack_rows(known: SortedDocuments) -> list[Row]:
    """One row a trial × attack × kind × severity, on the test images that the trial was last evaluated on."""
    rows: list[Row] = []
    for key in sorted(known.evaluations):
        found: dict[tuple[str, str, float], Row] = {}
        for evaluation in _current(known.evaluations[key]):
            for row in _attack_rows(evaluation):
                found[row["attack"], row["kind"], row["severity"]] = row
        rows += [found[place] for place in sorted(found)]
    return rows


def history_rows(known: SortedDocuments) -> list[Row]:
    """One row a trial × epoch."""
    return [{"trial_key": key, **epoch} for key in sorted(known.networks) for epoch in known.networks[key]["history"]]


def _trial_row(known: SortedDocuments, key: str) -> Row:
    row: Row = dict.fromkeys(column.name for column in TRIALS)
    failure, network = known.failures.get(key), known.networks.get(key)
    described = network or failure
    assert described is not None
    row |= {
        "trial_key": key,
        "parent_key": described["parent_key"],
        "baseline_key": described["baseline_key"],
        "control_key": described["control_key"],
        "plain_key": described.get("plain_key"),  # neither is in documents older than recipes
        "recipe": PLAIN,
        **described["settings"],
        **_setting(network, failure),
    }
    if network is not None:
        row |= {name: value for name, value in network.items() if name in _NETWORK_COLUMNS}
    if failure is not None:
        row["error"] = failure["error"]
        row["failed_ancestor"] = ancestor_of(failure)
    shown = latest_by_attack(known.evaluations.get(key, []))
    _add_accuracies(row, shown)
    for gain, other in zip(GAINS, compared_with(row), strict=True):
        if other is not None:
            _add_gains(row, gain, shown, known.evaluations.get(other, []))
    return row


def _setting(network: NetworkResult | None, failure: FailureResult | None) -> Setting:
    """What the documents of a trial hold of its setting: those of older versions have none."""
    held = (document["setting"] for document in (network, failure) if document is not None and "setting" in document)
    return next(held, {})


def compared_with(row: Row) -> tuple[str | None, str | None]:
    """The baseline and the control that gains are over; those of a defended baseline are over the plain one."""
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


def _current(evaluations: Sequence[EvaluationResult]) -> list[EvaluationResult]:
    """The evaluations, oldest first, on the test images of the latest: one row never mixes two sets of images."""
    if not evaluations:
        return []
    images = evaluations[-1]["test_fingerprint"]
    return [evaluation for evaluation in evaluations if evaluation["test_fingerprint"] == images]


def latest_by_attack(evaluations: Sequence[EvaluationResult]) -> dict[str, EvaluationResult]:
    """What a trial's row shows: of its evaluations, oldest first, the latest of each attack on the same images."""
    return {evaluation["attack"]: evaluation for evaluation in _current(evaluations)}


def robustness_attacks(shown: Collection[str]) -> list[str]:
    """The attacks whose mean is the robustness, one vote each, of the evaluations that a row shows."""
    return [name for name in ATTACKS if name in shown]


def _add_accuracies(row: Row, evaluations: Mapping[str, EvaluationResult]) -> None:
    attacks = robustness_attacks(evaluations)
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
    """The mean over the kinds of the accuracy at the headline severity: all images, selection, report half.

    Where there is no one headline severity, it is the mean over all severities too.
    """
    headline = evaluation["headline_severity"]
    counts = [count["correct"] for count in evaluation["counts"] if headline in (None, count["severity"])]
    kinds_times_images = [len(counts) * total for total in evaluation["total"]]
    return [sum(half) / total for half, total in zip(zip(*counts, strict=True), kinds_times_images, strict=True)]


def _add_gains(
    row: Row,
    gain: str,
    shown: Mapping[str, EvaluationResult],
    others: Sequence[EvaluationResult],
) -> None:
    """Gains in percentage points over another network, wherever it was attacked in the same way on the same images."""
    differences: dict[str, list[float]] = {}
    for name, evaluation in shown.items():
        other = counterpart(evaluation, others)
        if other is not None:
            mine, theirs = _headline_accuracies(evaluation), _headline_accuracies(other)
            differences[name] = [100 * (one - two) for one, two in zip(mine, theirs, strict=True)]
    attacks = robustness_attacks(shown)
    for index, half in enumerate(HALVES):
        if CLEAN in differences:
            row[f"generalization_{gain}{half}"] = differences[CLEAN][index]
        for name in attacks:
            if name in differences:
                row[f"robustness_{name}_{gain}{half}"] = differences[name][index]
        if attacks and differences.keys() >= set(attacks):
            row[f"robustness_{gain}{half}"] = sum(differences[name][index] for name in attacks) / len(attacks)


def counterpart(evaluation: EvaluationResult, others: Iterable[EvaluationResult]) -> EvaluationResult | None:
    """The one of another network's evaluations, oldest first, that a gain is taken over: same attack, same images.

    It need not be the latest: another sweep may have attacked that network in another way since.
    """
    sought = _comparison(evaluation)
    return next((other for other in others if _comparison(other) == sought), None)


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


def transfer_rows(known: SortedDocuments) -> list[Row]:
    """One row a source × target × attack × severity."""
    rows = [_columns(document, TRANSFER) | _accuracy(document) for document in known.transfers]
    return sorted(rows, key=lambda row: (row["source_key"], row["target_key"], row["attack"], row["severity"]))


def _accuracy(transfer: TransferResult) -> Row:
    correct, total = transfer["correct"][0], transfer["total"][0]
    return {"correct": correct, "total": total, "accuracy": correct / total}


def element_rows(known: SortedDocuments) -> list[Row]:
    """One row a network × element × attack × number of images: runs with more attacks repeat the counts of fewer."""
    places = ("trial_key", "structure", "module", "attack", "headline", "images", "test_fingerprint", "element")
    rows = (row for document in known.elements for row in _element_rows(document))
    found = {tuple(row[place] for place in places): row for row in rows}
    return [found[place] for place in sorted(found)]


def _element_rows(document: ElementsResult) -> Iterator[Row]:
    shared = _columns(document, ELEMENTS)
    for attack in document["attacks"]:
        for element, correct in zip(document["elements"], attack["correct"], strict=True):
            total = attack["total"]
            yield {
                **shared,
                **_columns(attack, ELEMENTS),
                "element": element,
                "correct": correct,
                "accuracy": correct / total,
                "gain": 100 * (correct - attack["reference"]) / total,
            }


def verdict_rows(known: SortedDocuments) -> list[Row]:
    """One row a trial: its weightiest verdict."""
    return [
        _columns(verdict, VERDICTS) | {"alarms": "; ".join(verdict["alarms"]) or None}
        for _, verdict in sorted(known.verdicts.items())
    ]


def _columns(document: Mapping[str, Any], columns: Sequence[Column]) -> Row:
    return {column.name: document[column.name] for column in columns if column.name in document}


def rows_of(table: str, known: SortedDocuments) -> list[Row]:
    """The rows of one of ``schema.TABLES``, in the order of their first column: the trial that a row tells of."""
    return _ROWS[table](known)


_ROWS = {
    "trials": trial_rows,
    "attacks": attack_rows,
    "history": history_rows,
    "transfer": transfer_rows,
    "elements": element_rows,
    "verdicts": verdict_rows,
}
