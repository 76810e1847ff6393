"""A connection to Ray: to the cluster at an address, or to one that is started here and ended with the sweep."""

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prunesweep.orchestrator.planning.capacity import own_cpus
from prunesweep.orchestrator.running.cluster.capacity import cluster_capacity
from prunesweep.orchestrator.running.cluster.scratch import scratch_folder
from prunesweep.orchestrator.running.interruption import keeping_handlers, shielding_children
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.language import Resources

ANSWER_SECONDS = 20
FEWEST_FILES = 1024  # that Ray opens without trouble
_PROBE = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"


class ClusterError(UserError):
    """A Ray cluster that does not answer, or is too small."""


@contextmanager
def ray_session(address: str | None, resources: Resources) -> Iterator[None]:
    """Connects to Ray and disconnects at the end.

    Raises:
        ClusterError: the address does not answer in time, Ray does not start, or no node can take one trial.
        ScratchError: there is no folder for its temporary files.
    """
    _set_environment(address)
    if address is not None:
        _check_answers(address)
    elif resources.cpu > own_cpus() and "RAY_OVERRIDE_RESOURCES" not in os.environ:
        raise ClusterError(_too_small(resources, f"this machine has {own_cpus()} CPUs"))  # before Ray's start
    import ray

    if ray.is_initialized():
        raise ClusterError("this process is connected to Ray already; call ray.shutdown() before running a sweep")
    with scratch_folder() as folder, _some_home(folder):
        # Without a folder of its own, Ray puts the driver's folder first on its workers' path, and a user's torch.py
        # that lies there would be imported in place of torch.
        job = folder / "job"
        job.mkdir()
        options = {"log_to_driver": False, "logging_level": "ERROR", "runtime_env": {"working_dir": str(job)}}
        if address is None:
            # "local" starts a cluster of our own even beside one that runs on this machine already.
            options |= {"address": "local", "include_dashboard": False, "num_cpus": own_cpus()}
            options |= {"_temp_dir": str(folder)}
        else:
            options |= {"address": address}
        _connect(options)
        try:
            _check_size(resources)
            yield
        finally:
            ray.shutdown()


@contextmanager
def _some_home(folder: Path) -> Iterator[None]:
    """Tune wants a home folder, which a container's user may not have; it writes nothing there."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = str(folder)
        try:
            yield
        finally:
            del os.environ["HOME"]
    else:
        yield


def _connect(options: Mapping[str, Any]) -> None:
    """Raises: ClusterError with the first line of what Ray says, where it does not start."""
    import ray

    try:
        with shielding_children(), keeping_handlers():
            ray.init(**options)
    except SystemExit:  # Ray's own answer to a SIGTERM while it starts
        ray.shutdown()
        signal.raise_signal(signal.SIGTERM)
    except Exception as error:  # it raises OSError, ValueError, RuntimeError, ConnectionError and exceptions of its own
        ray.shutdown()
        raise ClusterError(f"Ray does not start: {_first_line(error)}; {_advice(error)}") from None


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def _advice(error: Exception) -> str:
    """What the user can do about it."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < FEWEST_FILES:
        return "raise the number of files that may be open: ulimit -n 65536"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
        return "set TMPDIR to a folder that you may write to and that has room, and look at the room in /dev/shm"
    return "`prunesweep run --in-process` runs without it"


def _set_environment(address: str | None) -> None:
    """Before ray is imported: it reads these once."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A cluster of our own listens on this machine alone and leaves no token behind.
    os.environ.setdefault("RAY_AUTH_MODE", "disabled" if address is None else "token")
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
    # Tune's own output, its five log files a trial and its snapshots: the store is the only memory.
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "3600")


def _check_answers(address: str) -> None:
    """In a process of its own, because a connection to what is no Ray cannot be given up from inside."""
    try:
        subprocess.run(
            [sys.executable, "-P", "-c", _PROBE, address],
            timeout=ANSWER_SECONDS,
            check=True,
            capture_output=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        raise ClusterError(
            f"{address}: no Ray cluster answers there; check --address, that `ray start` runs on it, and that "
            "RAY_AUTH_MODE and the token are the cluster's"
        ) from None


def _check_size(resources: Resources) -> None:
    import ray

    if cluster_capacity(resources) > 0:
        return
    has = ray.cluster_resources()
    raise ClusterError(
        _too_small(resources, f"the cluster has {has.get('CPU', 0):g} CPUs and {has.get('GPU', 0):g} GPUs in all")
    )


def _too_small(resources: Resources, has: str) -> str:
    return f"resources: a trial asks for {resources.cpu} CPUs and {resources.gpus:g} GPUs on one node; {has}"
