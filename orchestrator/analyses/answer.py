"""Running any analysis: find the results that are missing, compute and store them, then read all results."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from prunesweep.results_store import Store
from prunesweep.results_store.documents import ElementsResult, JsonObject, TransferResult, VerdictResult


class Analysis(Protocol):
    """A measurement of stored networks, such as ``prunesweep.sweeps.analyses.Transfer``."""

    @property
    def key(self) -> str:
        """Return the key under which the result of the analysis is stored."""


AnalysisType = TypeVar("AnalysisType", bound=Analysis)
Compute = Callable[[list[AnalysisType]], Iterable[TransferResult | ElementsResult | VerdictResult]]
"""A function that yields the result of each given analysis, and that imports torch only when it is called."""


@dataclass(frozen=True)
class Answers:
    """The results of some analyses.

    Attributes:
        results: the stored document of each analysis, by its key, in the order of the analyses.
        computed: number of results that were missing and had to be computed.
    """

    results: dict[str, JsonObject]
    computed: int


def missing_from(store: Store, analyses: Sequence[AnalysisType]) -> list[AnalysisType]:
    """Return the analyses whose results are not stored, in the order of ``analyses``."""
    stored = store.result_keys()
    return [analysis for analysis in analyses if analysis.key not in stored]


def answer(store: Store, analyses: Sequence[AnalysisType], compute: Compute[AnalysisType]) -> Answers:
    """Return the stored result of each analysis, after computing those that are missing.

    Each result is stored as soon as it is computed, so a call after an interruption continues where the last one
    stopped. The store's tables are refreshed at the end, even after an error. A store that cannot be written raises
    ``StoreError`` before anything is computed.
    """
    store.check_writable()
    missing = missing_from(store, analyses)
    try:
        if missing:
            for result in compute(missing):
                store.save_result(result)
    finally:
        store.refresh_tables()
    return Answers({analysis.key: store.result(analysis.key) for analysis in analyses}, len(missing))
