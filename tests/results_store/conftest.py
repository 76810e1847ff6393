"""Stores for tests: in a folder, and in memory in place of a bucket."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import fsspec
import pytest

from prunesweep.results_store import Store


@pytest.fixture(params=["folder", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a store that does not exist yet."""
    if request.param == "folder":
        yield str(tmp_path / "store")
        return
    address = f"memory://{uuid4().hex}/store"
    yield address
    files, path = fsspec.core.url_to_fs(address)
    if files.exists(path):
        files.rm(path, recursive=True)


@pytest.fixture
def store(url: str) -> Store:
    """An empty store."""
    return Store(url)
