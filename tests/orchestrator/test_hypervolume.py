"""The hypervolume: computed by hand, against a count of boxes, and against the volume in Optuna's plot."""

import numpy as np
import optuna
import optuna.visualization
import pytest
from numpy.typing import NDArray

from prunesweep.orchestrator.selection.hypervolume import hypervolume


def test_no_point_and_one_point_by_hand() -> None:
    assert hypervolume(np.empty((0, 3)), np.ones(3)) == 0.0
    assert hypervolume(np.array([[0.5, 0.25, 0.0]]), np.ones(3)) == pytest.approx(0.5 * 0.75)


def test_two_and_three_dimensions_by_hand() -> None:
    # 0.9 x 0.2 + 0.8 x 0.3 + 0.6 x 0.1; the third point is dominated, the last occurs twice.
    flat = np.array([[0.1, 0.8], [0.2, 0.5], [0.3, 0.6], [0.4, 0.4], [0.4, 0.4]])
    assert hypervolume(flat, np.ones(2)) == pytest.approx(0.18 + 0.24 + 0.06)
    # Two boxes of 1 x 1 x 2 and 2 x 2 x 1 that share 1 x 1 x 1.
    solid = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert hypervolume(solid, np.full(3, 2.0)) == pytest.approx(2 + 4 - 1)


def box_count(losses: NDArray[np.float64], side: int) -> int:
    """The number of unit boxes that the points dominate, in a grid of ``side`` boxes per dimension."""
    corners = np.stack(np.meshgrid(*[np.arange(side)] * losses.shape[1]), -1).reshape(-1, losses.shape[1])
    dominated = np.all(corners[:, None] >= losses, axis=-1)
    return int(np.any(dominated, axis=1).sum())


@pytest.mark.parametrize("objectives", [1, 2, 3, 4, 5])
def test_the_volume_of_integer_points_is_a_count_of_boxes(objectives: int) -> None:
    losses = np.random.default_rng(objectives).integers(0, 5, (20, objectives)).astype(np.float64)
    assert hypervolume(losses, np.full(objectives, 5.0)) == pytest.approx(box_count(losses, 5))


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("objectives", [2, 3, 4, 5])
def test_the_volume_agrees_with_optunas_plot(objectives: int) -> None:
    losses = np.random.default_rng(objectives).random((25, objectives))
    study = optuna.create_study(directions=["minimize"] * objectives)
    for values in losses.tolist():
        study.add_trial(optuna.trial.create_trial(values=values))
    figure = optuna.visualization.plot_hypervolume_history(study, [1.0] * objectives)
    assert hypervolume(losses, np.ones(objectives)) == pytest.approx(figure.data[0].y[-1])
