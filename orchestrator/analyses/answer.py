"""How every analysis is answered: find what is missing, compute it, store it and read the results."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from prunesweep.results_store import Store
from prunesweep.results_store.documents import ElementsResult, JsonObject, TransferResult, VerdictResult


class Analysis(Protocol):
    """A question about stored networks, as in ``prunesweep.sweeps.analyses``."""

    @property
    def key(self) -> str:
        """Return the key of its result."""


AnalysisType = TypeVar("AnalysisType", bound=Analysis)
Compute = Callable[[list[AnalysisType]], Iterable[TransferResult | ElementsResult | VerdictResult]]
"""Yields the result of each analysis of a list; imports torch itself, so that nothing else has to."""


@dataclass(frozen=True)
class Answers:
    """The results of some analyses.

    Attributes:
        results: the stored document of each analysis, by its key, in the order of the analyses.
        computed: number of results that were missing and are computed now.
    """

    results: dict[str, JsonObject]
    computed: int


def missing_from(store: Store, analyses: Sequence[AnalysisType]) -> list[AnalysisType]:
    """Return the analyses whose results are not stored, in their order; one listing."""
    stored = store.result_keys()
    return [analysis for analysis in analyses if analysis.key not in stored]


def answer(store: Store, analyses: Sequence[AnalysisType], compute: Compute[AnalysisType]) -> Answers:
    """Return the stored result of each analysis, after computing those that are missing.

    Each result is stored as soon as it is computed, so an interrupted call goes on where it stopped. The store's tables
    are refreshed in any case. A store that cannot be written raises ``StoreError`` before anything is computed.
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
