"""The Pareto front of a store. What a choice seldom needs is imported on use: SciPy takes longer than the choice."""

from collections.abc import Sequence

import pandas as pd

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.query.trials import trials_of
from prunesweep.orchestrator.query.verdicts import current_verdicts
from prunesweep.orchestrator.selection import Front, select_front
from prunesweep.results_store import Store, StoreLike, existing_store


def pareto_front(
    store: StoreLike = DEFAULT_STORE,
    *,
    objectives: Sequence[str] = ("generalization", "robustness"),
    constraints: Sequence[str] = (),
    where: Sequence[str] = (),
    sweep: str | None = None,
    membership: bool = False,
    verified: bool = False,
) -> Front:
    """Return the Pareto-optimal trials of a store, or of one sweep of it.

    Chosen on the selection half of the test images, reported on the report half. ``Front.study`` is an Optuna study.

    Args:
        store: a folder, an fsspec URL or an open store.
        objectives: figures to choose by, each with its direction in ``prunesweep.orchestrator.selection.OBJECTIVES``.
        constraints: such as ``"generalization_gain >= -1"``.
        where: such as ``"architecture == resnet20"``.
        sweep: the name of a sweep that ran on the store; its own attacks and images count, whatever others did since.
        membership: adds ``on_front``, the bootstrap probability of being on the front, to the front's tables.
        verified: only settings of which every trial's gain in robustness *holds* (``verify_robustness``).

    Raises:
        UserError: one line about the store, the sweep's name, or what was asked for.

    Example:
        >>> from prunesweep import pareto_front
        >>> front = pareto_front("store", objectives=["robustness", "flops"])
        >>> front.table[["structure", "robustness_report"]].round(3).to_dict("records")
        [{'structure': 'none', 'robustness_report': 0.395}, {'structure': 'filters', 'robustness_report': 0.231}]
    """
    opened = existing_store(store)
    trials = trials_of(opened, sweep)
    verdicts = current_verdicts(opened) if verified else None
    front = select_front(trials, objectives=objectives, constraints=constraints, where=where, verdicts=verdicts)
    return _with_membership(front, opened, trials, sweep) if membership else front


def _with_membership(front: Front, store: Store, trials: pd.DataFrame, sweep: str | None) -> Front:
    from prunesweep.orchestrator.selection.membership import with_membership
    from prunesweep.results_store.image_scores import ImageScores

    return with_membership(front, ImageScores(store, trials, sweep))
