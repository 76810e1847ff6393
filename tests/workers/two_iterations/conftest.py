"""The store of the trials of a file."""

import pytest

from prunesweep.results_store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for all trials of a file, which share baselines and scores, as in a sweep."""
    return Store(str(tmp_path_factory.mktemp("matrix")))
