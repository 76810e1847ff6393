"""Ray's start: it succeeds in difficult environments, or fails with one line that says what to do."""

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
from prunesweep.orchestrator.running.cluster.scratch import (
    MAX_SOCKET_PATH_BYTES,
    RAY_SUBPATH_BYTES,
    ScratchError,
    scratch_folder,
)
from prunesweep.orchestrator.running.cluster.session import ray_session
from prunesweep.orchestrator.running.interruption import Interrupted, interruptible
from prunesweep.sweeps.language import Resources
from prunesweep.workers import cache
from tests.helpers.command import command, refusal


@pytest.fixture(autouse=True)
def _ctrl_c_is_pythons() -> Iterator[None]:
    """Restore Python's SIGINT handler, because Ray Tune, run by other tests in this process, leaves its own behind."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def _no_folder_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_TMPDIR", "TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(name, raising=False)


def new_long_folder(folder: Path) -> Path:
    long = folder / ("job_of_a_scheduler_" * 4)
    long.mkdir()
    return long


def test_the_folder_is_created_in_tmpdir_and_deleted_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    with scratch_folder() as folder:
        assert folder.parent == Path("/var/tmp") and not list(folder.iterdir())
        (folder / "session").mkdir()
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["too long", "missing", "a file", "relative"])
def test_an_unusable_tmpdir_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    (tmp_path / "file").touch()
    folders = {
        "too long": new_long_folder(tmp_path),
        "missing": Path("/no/such"),
        "a file": tmp_path / "file",
        "relative": Path("no/such"),
    }
    monkeypatch.setenv("TMPDIR", str(folders[kind]))
    with scratch_folder() as folder:
        assert str(folder.parent) in ("/tmp", "/var/tmp", "/dev/shm")
        assert len(os.fsencode(folder.parent)) + RAY_SUBPATH_BYTES <= MAX_SOCKET_PATH_BYTES


def test_if_no_folder_can_be_used_the_reason_for_each_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full, long = "/dev/shm", new_long_folder(tmp_path)
    monkeypatch.setattr(scratch, "_FALLBACK_FOLDERS", (full, "/no/such"))
    monkeypatch.setattr(scratch, "MIN_FREE_BYTES", 2**60)
    monkeypatch.setenv("TMPDIR", str(long))
    with pytest.raises(ScratchError) as refused, scratch_folder():
        pass
    message = str(refused.value)
    assert f"{long}: its path is too long" in message and "/no/such: no such file or directory" in message
    assert f"{full}: " in message and "MiB are free" in message
    assert "set TMPDIR to one that you may write to" in message and "\n" not in message


def test_an_exception_of_ray_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "available_cpus", lambda: -1)  # which Ray refuses with a ValueError
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", "{}")
    with pytest.raises(session.ClusterError) as refused, session.ray_session(None, Resources()):
        pass
    assert re.fullmatch("Ray does not start: ValueError: .*; `prunesweep run --in-process` .*", str(refused.value))
    assert "\n" not in str(refused.value)


def test_a_low_limit_on_open_files_is_named() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), hard))
    try:
        assert "ulimit -n" in session._advice(RuntimeError("timed out"))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def without_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_a_user_without_a_home_folder_gets_one_for_tune_and_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", without_home)
    for name in ("HOME", "PRUNESWEEP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with session._ensure_home(tmp_path):
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


@pytest.mark.parametrize("path", ["/proc/nowhere", "{folder}/file", "{folder}/file/below"])
def test_a_cache_that_cannot_be_written_is_refused_before_any_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "sweep.yaml").write_text(SWEEP.replace("ATTACK", "corruptions: {kinds: [fog], severities: [5]}"))
    monkeypatch.setenv("PRUNESWEEP_CACHE", path.format(folder=tmp_path))
    store = tmp_path / "store"
    message = refusal("run", str(tmp_path / "sweep.yaml"), "--store", str(store), "--in-process")
    assert "cache" in message and "$PRUNESWEEP_CACHE can name another folder" in message
    assert not store.exists()


def test_a_cache_that_is_not_needed_is_not_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP.replace("ATTACK", "fgsm: {}").replace("1000000", "1"))
    monkeypatch.setenv("PRUNESWEEP_CACHE", "/proc/nowhere")
    line = ["run", str(tmp_path / "sweep.yaml"), "--store", str(tmp_path / "store"), "--in-process"]
    assert command(*line, "--set", "dataset.train_limit=40").exit_code == 0


@pytest.mark.parametrize("status", [signal.SIGTERM, 1])
def test_sigterm_while_ray_starts_is_handled_as_at_any_other_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """While it starts, Ray has a handler of its own, which exits with the signal's number or with 1."""

    def start(**options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(status))
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(ray, "init", start)
    with pytest.raises(Interrupted) as interrupted, interruptible(), ray_session(None, Resources()):
        pass
    assert interrupted.value.signal == signal.SIGTERM
