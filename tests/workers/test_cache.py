"""The cache of what can be made again."""

import threading
from pathlib import Path

import pytest
import torch
from torch import Tensor

from prunesweep.sweeps.errors import UserError
from prunesweep.workers.cache import cache_folder, kept_tensor


def test_of_workers_that_want_the_same_one_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path))
    made: list[int] = []
    got: list[Tensor] = []
    made_again = threading.Event()

    def make() -> Tensor:
        made.append(1)
        if len(made) > 1:
            made_again.set()
        made_again.wait(0.2)  # the others' chance to do what they must not
        return torch.arange(5)

    workers = [threading.Thread(target=lambda: got.append(kept_tensor("some", "key", make))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(made) == 1
    assert len(got) == 4 and all(tensor.tolist() == [0, 1, 2, 3, 4] for tensor in got)


def test_what_a_crash_of_the_machine_cut_short_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path))
    path = cache_folder() / "some" / "key.npy"
    kept_tensor("some", "key", lambda: torch.ones(100))
    for cut in (b"", path.read_bytes()[:200]):
        path.write_bytes(cut)
        assert kept_tensor("some", "key", lambda: torch.zeros(100)).sum() == 0


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match=r"^cache .*file/some: .*PRUNESWEEP_CACHE can name another folder$"):
        kept_tensor("some", "key", lambda: torch.ones(2))


def test_what_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", str(tmp_path))

    def fail() -> Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept_tensor("some", "key", fail)
    assert not list(cache_folder().rglob("*.npy")) and not list(cache_folder().rglob("*.tmp"))
    assert kept_tensor("some", "key", lambda: torch.ones(2)).tolist() == [1, 1]
