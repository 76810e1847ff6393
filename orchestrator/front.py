"""The Pareto front of a store."""

from collections.abc import Sequence
from os import PathLike

import pandas as pd

from orchestrator.selection import Front, select_front
from results_store import NotStored, Store
from sweeps.errors import UserError
from sweeps.names import unknown_name


def pareto_front(
    store: str | PathLike[str] | Store,
    *,
    objectives: Sequence[str] = ("generalization", "robustness"),
    constraints: Sequence[str] = (),
    where: Sequence[str] = (),
    sweep: str | None = None,
) -> Front:
    """The Pareto-optimal trials of a store, or of one sweep of it.

    Chosen on the selection half of the test images, reported on the report half. ``Front.study`` is an Optuna study.

    Args:
        store: a folder, an fsspec URL or an open store.
        objectives: figures to choose by, each with its direction in ``orchestrator.selection.OBJECTIVES``.
        constraints: such as ``"generalization_gain >= -1"``.
        where: such as ``"architecture == resnet20"``.
        sweep: the name of a sweep that ran on the store.

    Raises:
        UserError: one line about the store, the sweep's name, or what was asked for.
    """
    opened = store if isinstance(store, Store) else Store(str(store))
    trials = _trials_of(opened, sweep)
    return select_front(trials, objectives=objectives, constraints=constraints, where=where)


def _trials_of(store: Store, sweep: str | None) -> pd.DataFrame:
    trials = store.table("trials")
    if sweep is None:
        return trials
    try:
        keys = store.load_sweep_run(sweep)["trials"]
    except NotStored:
        names = store.sweep_names()
        raise UserError(unknown_name(sweep, f"a sweep of {store.url}", names)) from None
    return trials[trials["trial_key"].isin(keys)]
