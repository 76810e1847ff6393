"""The cache of arrays that can be recomputed."""

import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor

from prunesweep.sweeps.errors import UserError
from prunesweep.workers.cache import cache_folder, cached_tensor


def test_only_one_of_several_workers_computes_an_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path))
    calls: list[int] = []
    results: list[Tensor] = []
    computed_again = threading.Event()

    def compute() -> Tensor:
        calls.append(1)
        if len(calls) > 1:
            computed_again.set()
        computed_again.wait(0.2)  # time for the others to compute it too, which they must not
        return torch.arange(5)

    workers = [threading.Thread(target=lambda: results.append(cached_tensor("some", "key", compute))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(calls) == 1
    assert len(results) == 4 and all(tensor.tolist() == [0, 1, 2, 3, 4] for tensor in results)


def test_truncated_files_are_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path))
    path = cache_folder() / "some" / "key.npy"
    cached_tensor("some", "key", lambda: torch.ones(100))
    for cut in (b"", path.read_bytes()[:200]):
        path.write_bytes(cut)
        assert cached_tensor("some", "key", lambda: torch.zeros(100)).sum() == 0


def test_a_cache_that_cannot_be_written_is_a_one_line_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"^cache .*file/some: .*PRUNESWEEP_CACHE can name another folder$"):
        cached_tensor("some", "key", lambda: torch.ones(2))


def test_a_failed_computation_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path))

    def fail() -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_tensor("some", "key", fail)
    assert not list(cache_folder().rglob("*.npy")) and not list(cache_folder().rglob("*.tmp"))
    assert cached_tensor("some", "key", lambda: torch.ones(2)).tolist() == [1, 1]
