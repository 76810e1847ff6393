"""The Pareto front of a store.

What only some calls need is imported on use, because importing SciPy takes longer than selecting a front.
"""

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
    """Return the Pareto-optimal networks of a store, or of one sweep of it.

    They are selected on the selection half of the test images and reported on the report half. Seeds of one setting
    are averaged. ``Front.study`` is an Optuna study of all candidates.

    A ``UserError`` of one line is raised for a missing store, an unknown sweep, or a selection that cannot be made.

    Args:
        store: A folder, an fsspec URL or an open store.
        objectives: The figures to select by; ``prunesweep.orchestrator.selection.OBJECTIVES`` has their directions.
        constraints: Bounds on figures, such as ``"generalization_gain >= -1"``; all must be met.
        where: Conditions on settings, such as ``"architecture == resnet20"``; all must be met.
        sweep: The name of a sweep that ran on the store. Only its trials take part, with the results of its own
            attacks and test images, even if later sweeps attacked the same networks in other ways.
        membership: Whether to add ``on_front``, the bootstrap probability of being on the front, to the front's tables.
        verified: Whether to leave out settings unless the gain in robustness of all their trials *holds*
            (``verify_robustness``).

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
