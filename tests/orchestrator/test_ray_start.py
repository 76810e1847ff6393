"""Where Ray cannot start there is one line that says what to do, and where it can it does."""

import os
import re
import resource
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from prunesweep.orchestrator.running.cluster import scratch, session
from prunesweep.orchestrator.running.cluster.scratch import LONGEST_SOCKET, RAY_ADDS, ScratchError, scratch_folder
from prunesweep.orchestrator.running.cluster.session import ray_session
from prunesweep.orchestrator.running.interruption import Interrupted, interruptible
from prunesweep.sweeps.language import Resources
from prunesweep.workers import cache
from tests.helpers.command import command, refusal


@pytest.fixture(autouse=True)
def _ctrl_c_is_pythons() -> Iterator[None]:
    """Ray Tune, which other tests have run in this process, leaves its own listener behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _no_places(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_TMPDIR", "TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)


def too_long(folder: Path) -> Path:
    long = folder / ("job_of_a_scheduler_" * 4)
    long.mkdir()
    return long


def test_a_folder_is_made_where_tmpdir_says_and_goes_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    with scratch_folder() as folder:
        assert folder.parent == Path("/var/tmp") and not list(folder.iterdir())
        (folder / "session").mkdir()
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["too long", "not there", "a file", "relative"])
def test_a_tmpdir_that_is_of_no_use_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    (tmp_path / "file").touch()
    places = {
        "too long": too_long(tmp_path),
        "not there": Path("/no/such"),
        "a file": tmp_path / "file",
        "relative": Path("no/such"),
    }
    monkeypatch.setenv("TMPDIR", str(places[kind]))
    with scratch_folder() as folder:
        assert str(folder.parent) in ("/tmp", "/var/tmp", "/dev/shm")
        assert len(os.fsencode(folder.parent)) + RAY_ADDS <= LONGEST_SOCKET


def test_where_no_place_is_left_each_fault_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full, long = "/dev/shm", too_long(tmp_path)
    monkeypatch.setattr(scratch, "_ELSEWHERE", (full, "/no/such"))
    monkeypatch.setattr(scratch, "LEAST_FREE", 2**60)
    monkeypatch.setenv("TMPDIR", str(long))
    with pytest.raises(ScratchError) as refused, scratch_folder():
        pass
    message = str(refused.value)
    assert f"{long}: its path is too long" in message and "/no/such: no such file or directory" in message
    assert f"{full}: " in message and "MiB are free" in message
    assert "set TMPDIR to one that you may write to" in message and "\n" not in message


def test_what_ray_raises_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "own_cpus", lambda: -1)  # which Ray refuses with a ValueError
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", "{}")
    with pytest.raises(session.ClusterError) as refused, session.ray_session(None, Resources()):
        pass
    assert re.fullmatch("Ray does not start: ValueError: .*; `prunesweep run --in-process` .*", str(refused.value))
    assert "\n" not in str(refused.value)


def test_too_few_open_files_are_named() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        assert "ulimit -n" in session._advice(RuntimeError("timed out"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def without_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_a_user_without_a_home_gets_one_for_tune_and_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", without_home)
    for name in ("HOME", "PRUNESWEEP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with session._some_home(tmp_path):
        assert os.environ["HOME"] == str(tmp_path)
    assert "HOME" not in os.environ
    assert cache.cache_folder().name == f"prunesweep-cache-{os.getuid()}"


SWEEP = """
name: cached
dataset: {name: digits, test_limit: 20}
baseline: {epochs: 1000000}
axes: {architecture: resnet20, iterations: 0}
attacks: {ATTACK}
"""


@pytest.mark.parametrize("place", ["/proc/nowhere", "{folder}/file", "{folder}/file/below"])
def test_a_cache_that_cannot_be_written_is_told_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "sweep.yaml").write_text(SWEEP.replace("ATTACK", "corruptions: {kinds: [fog], severities: [5]}"))
    monkeypatch.setenv("PRUNESWEEP_CACHE", place.format(folder=tmp_path))
    store = tmp_path / "store"
    said = refusal("run", str(tmp_path / "sweep.yaml"), "--store", str(store), "--in-process")
    assert "cache" in said and "$PRUNESWEEP_CACHE can name another folder" in said
    assert not store.exists()


def test_a_cache_that_nothing_needs_is_not_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP.replace("ATTACK", "fgsm: {}").replace("1000000", "1"))
    monkeypatch.setenv("PRUNESWEEP_CACHE", "/proc/nowhere")
    line = ["run", str(tmp_path / "sweep.yaml"), "--store", str(tmp_path / "store"), "--in-process"]
    assert command(*line, "--set", "dataset.train_limit=40").exit_code == 0


@pytest.mark.parametrize("status", [signal.SIGTERM, 1])
def test_sigterm_while_ray_starts_is_taken_as_at_any_other_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """Ray listens itself while it starts, and leaves with a status of its own: the signal's number, or 1."""

    def start(**options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(status))
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(ray, "init", start)
    with pytest.raises(Interrupted) as ended, interruptible(), ray_session(None, Resources()):
        pass
    assert ended.value.signal == signal.SIGTERM
