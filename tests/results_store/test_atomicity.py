"""Writes are atomic: a reader sees the old bytes, the new ones or none, whatever happens to the writer."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from prunesweep.results_store import StoreError
from prunesweep.results_store.objects import Objects

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    return Objects(str(tmp_path))


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_put_that_fails_leaves_the_old_object_and_nothing_else(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def disk_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    objects.put("results/one.json", b"old")
    monkeypatch.setattr(os, step, disk_full)
    with pytest.raises(StoreError, match=r"results/one\.json: cannot be written: No space left on device$"):
        objects.put("results/one.json", b"new")
    assert objects.get("results/one.json") == b"old"
    assert os.listdir(tmp_path / "results") == ["one.json"]


KILLED = """
import os, sys
from prunesweep.results_store.objects import Objects

os.fsync = lambda _: os._exit(9)  # the machine goes down before the bytes are on the disk
Objects(sys.argv[1]).put("results/one.json", b"new")
"""


def test_a_writer_that_is_killed_leaves_the_old_object_and_a_hidden_file(objects: Objects, tmp_path: Path) -> None:
    objects.put("results/one.json", b"old")
    assert subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, check=False).returncode == 9
    assert objects.get("results/one.json") == b"old"
    assert len(os.listdir(tmp_path / "results")) == 2
    assert objects.names("results") == ["one.json"]


def test_a_reader_never_sees_part_of_an_object(objects: Objects) -> None:
    contents = [bytes([letter]) * 2_000_000 for letter in b"ab"]
    objects.put("results/one.json", contents[0])
    done = threading.Event()

    def write() -> None:
        for turn in range(40):
            objects.put("results/one.json", contents[turn % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        assert objects.get("results/one.json") in contents
        assert objects.names("results") == ["one.json"]
    writer.join()
