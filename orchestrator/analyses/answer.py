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


def answer(
    store: Store,
    analyses: Sequence[AnalysisType],
    compute: Compute[AnalysisType],
    *,
    report_stored: Callable[[list[AnalysisType]], None] = lambda stored: None,
) -> Answers:
    """Return the stored result of each analysis, after computing the missing results.

    Each result is stored as soon as it is computed, so that an interrupted call continues where it stopped. The store's
    tables are refreshed in any case. A store that cannot be written raises ``StoreError`` before anything is computed.

    Args:
        store: the store that is asked, and that results are added to.
        analyses: the analyses, each with another key.
        compute: called with the analyses whose results are missing, unless there are none.
        report_stored: called first, with the analyses whose results are stored already.
    """
    store.check_writable()
    keys = store.result_keys()
    missing = [analysis for analysis in analyses if analysis.key not in keys]
    report_stored([analysis for analysis in analyses if analysis.key in keys])
    try:
        if missing:
            for result in compute(missing):
                store.save_result(result)
    finally:
        store.refresh_tables()
    return Answers({analysis.key: store.result(analysis.key) for analysis in analyses}, len(missing))
