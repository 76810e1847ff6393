"""The Pareto front of a store.

Modules that only some calls need are imported where they are used, because importing SciPy takes longer than
selecting a front.
"""

from collections.abc import Sequence

import pandas as pd

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.query.trials import trials_of
from prunesweep.orchestrator.query.verdicts import current_verdicts
from prunesweep.orchestrator.selection import Front, select_front
from prunesweep.orchestrator.selection.objectives import DEFAULT_OBJECTIVES
from prunesweep.results_store import Store, StoreLike, existing_store


def pareto_front(
    store: StoreLike = DEFAULT_STORE,
    *,
    objectives: Sequence[str] = DEFAULT_OBJECTIVES,
    constraints: Sequence[str] = (),
    where: Sequence[str] = (),
    sweep: str | None = None,
    membership: bool = False,
    verified: bool = False,
) -> Front:
    """Return the Pareto-optimal networks of a store, or of one sweep of it.

    Networks are selected by their results on one half of the test images, the selection half, and their results on the
    other half are reported. Trials that differ only in the seed are averaged to one candidate. ``Front.study`` is an
    Optuna study of all candidates.

    A ``UserError`` with a message of one line is raised for a missing store, an unknown sweep, or a selection that
    cannot be made.

    Args:
        store: a folder, an fsspec URL or an open store.
        objectives: the figures to select by; ``prunesweep.orchestrator.selection.OBJECTIVES`` has their directions.
        constraints: bounds on figures, such as ``"generalization_gain >= -1"``; all must be met.
        where: conditions on settings, such as ``"architecture == resnet20"``; all must be met.
        sweep: the name of a sweep that ran on the store. Only the sweep's trials take part, with the results of its own
            attacks and test images, even if later sweeps attacked the same networks in other ways.
        membership: whether to add ``on_front``, the bootstrap probability of being on the front, to the front's tables.
        verified: whether to keep only candidates all of whose trials have the verdict *holds*, which
            ``verify_robustness`` gives to a gain in robustness that is real.

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
