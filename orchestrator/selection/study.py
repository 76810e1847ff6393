"""The candidates of a selection as an Optuna study.

Optuna is imported only where it is used, so that commands that do not need it start faster.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prunesweep.orchestrator.query.columns import AXIS_COLUMNS, SEED, SETTING_DETAILS
from prunesweep.orchestrator.selection.objectives import Objective

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution


def as_study(candidates: pd.DataFrame, objectives: Sequence[Objective]) -> Study:
    """Return an in-memory study with one completed trial per candidate, in the same order.

    The parameters of a study's trial are the candidate's axes, its seed if seeds are not averaged, and the other
    settings in which candidates differ; null values are left out. The user attributes of a study's trial are ``seeds``
    and ``trial_keys``.

    Args:
        candidates: the candidates as ``prunesweep.orchestrator.query.candidates.as_candidates`` returns them.
        objectives: the objectives of the study, with their directions.
    """
    import optuna

    with _quiet_optuna():
        study = optuna.create_study(directions=[objective.kind.direction for objective in objectives])
        study.set_metric_names([objective.name for objective in objectives])

    distributions = _distributions(candidates)
    values = candidates[[objective.column for objective in objectives]].to_numpy(dtype=np.float64).tolist()
    for row, value in zip(candidates.to_dict("records"), values, strict=True):
        params = {setting: row[setting] for setting in distributions if not pd.isna(row[setting])}
        study.add_trial(
            optuna.trial.create_trial(
                values=value,
                params=params,
                distributions={setting: distributions[setting] for setting in params},
                user_attrs={"seeds": row["seeds"], "trial_keys": row["trial_keys"]},
            )
        )
    return study


def _distributions(candidates: pd.DataFrame) -> dict[str, BaseDistribution]:
    """Return the distribution over the candidates' values of each setting that is a parameter of the study."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    distributions: dict[str, BaseDistribution] = {}
    differing = {
        name: value_type
        for name, value_type in SETTING_DETAILS.items()
        if name in candidates and candidates[name].nunique() > 1
    }
    for setting, value_type in (AXIS_COLUMNS | {SEED: int} | differing).items():
        values = candidates[setting].dropna() if setting in candidates else ()
        if not len(values):
            continue
        if value_type in (str, bool):
            distributions[setting] = CategoricalDistribution(sorted(set(values)))
        elif value_type is int:
            distributions[setting] = IntDistribution(int(min(values)), int(max(values)))
        else:
            distributions[setting] = FloatDistribution(float(min(values)), float(max(values)))
    return distributions


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Suppress Optuna's log line for every new study, and its warning that metric names are experimental."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)
