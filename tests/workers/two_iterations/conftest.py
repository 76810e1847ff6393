"""The store in which a file's trials run."""

import pytest

from prunesweep.results_store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One for all trials of a file: baselines and scores are shared, as in a sweep."""
    return Store(str(tmp_path_factory.mktemp("matrix")))
