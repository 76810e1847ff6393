"""The cache of what can be made again."""

import threading
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from workers.cache import cache_folder, kept_tensor


def test_of_workers_that_want_the_same_one_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path))
    made, got = [], []

    def make() -> Tensor:
        made.append(1)
        time.sleep(0.2)
        return torch.arange(5)

    workers = [threading.Thread(target=lambda: got.append(kept_tensor("some", "key", make))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(made) == 1
    assert len(got) == 4 and all(tensor.tolist() == [0, 1, 2, 3, 4] for tensor in got)


def test_what_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path))

    def fail() -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_tensor("some", "key", fail)
    assert not list(cache_folder().rglob("*.npy")) and not list(cache_folder().rglob("*.tmp"))
    assert kept_tensor("some", "key", lambda: torch.ones(2)).tolist() == [1, 1]
