"""What all tests share."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.reader import parse_sweep

pytest.register_assert_rewrite("tests.helpers")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Corrupted images are cached in a folder of this session, and not in the developer's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRUNESWEEP_CACHE", str(tmp_path_factory.mktemp("cache")))
        # Ray starts its workers with a niceness of 15, and beside other tests these get next to no time.
        patch.setenv("RAY_worker_niceness", "0")
        yield


@pytest.fixture(autouse=True)
def _imports_are_not_searched_again() -> None:
    """Takes new modules out of what ``gc.collect`` looks at, as a worker does: each trial collects several times."""
    if len(sys.modules) > _searched["modules"]:
        _searched["modules"] = len(sys.modules)
        gc.collect()
        gc.freeze()


_searched = {"modules": 0}


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Where a test has imported torch, it computes with one thread: the same numbers on every machine."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of CIFAR-10 and of trained weights that some tests check against."""
    folder = os.environ.get("PRUNESWEEP_TEST_DATA")
    if folder is None:
        pytest.skip("needs CIFAR-10 and trained weights: PRUNESWEEP_TEST_DATA names their folder")
    assert Path(folder).is_dir(), f"PRUNESWEEP_TEST_DATA: {folder}: no such folder"
    return Path(folder)


@pytest.fixture(scope="session")
def parse() -> Callable[..., Sweep]:
    """Reads a sweep from YAML text and ``key=value`` overrides."""
    return lambda text, *overrides: parse_sweep(dedent(text), overrides)
