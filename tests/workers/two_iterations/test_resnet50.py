"""Trials that prune a ResNet-50, only with the mark ``full``."""

import pytest

from prunesweep.results_store import Store
from tests.helpers.trial_matrix import cells, check_two_iterations


@pytest.mark.parametrize(("architecture", "structure", "criterion", "adjustment"), cells("resnet50"))
def test_two_iterations_of(architecture: str, structure: str, criterion: str, adjustment: str, store: Store) -> None:
    check_two_iterations(architecture, structure, criterion, adjustment, store)
