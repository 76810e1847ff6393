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

from prunesweep.orchestrator.planning.capacity import available_cpus
from prunesweep.orchestrator.running.cluster.capacity import cluster_capacity
from prunesweep.orchestrator.running.cluster.scratch import scratch_folder
from prunesweep.orchestrator.running.interruption import restoring_handlers, shielding_children
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.language import Resources

ANSWER_SECONDS = 20
MIN_OPEN_FILES = 1024  # with a lower limit on open files Ray may not start
_PROBE = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"


class ClusterError(UserError):
    """A Ray cluster that does not answer, does not start, or is too small."""


@contextmanager
def ray_session(address: str | None, resources: Resources, *, verbose: bool = False) -> Iterator[None]:
    """Connect to Ray on entering the context and disconnect at the end.

    If no folder can hold Ray's temporary files, ``ScratchError`` is raised.

    Args:
        address: the address of a cluster; None starts one on this machine.
        resources: what one trial needs.
        verbose: whether what Ray and the workers print is shown.

    Raises:
        ClusterError: the address does not answer in time, Ray does not start, no node has room for one trial, or this
            process is connected to Ray already.
    """
    _set_environment(address)
    if address is not None:
        _check_answers(address)
    elif resources.cpu > available_cpus() and "RAY_OVERRIDE_RESOURCES" not in os.environ:
        # Checked before Ray's start, which takes seconds.
        raise ClusterError(_too_small(resources, f"this machine has {_amount(available_cpus(), 'CPU')}"))
    import ray

    if ray.is_initialized():
        raise ClusterError("this process is connected to Ray already; call ray.shutdown() before running a sweep")
    with scratch_folder() as folder, _ensure_home(folder):
        _connect(_connection_options(address, folder, verbose))
        try:
            _check_size(resources)
            yield
        finally:
            ray.shutdown()


def _connection_options(address: str | None, folder: Path, verbose: bool) -> dict[str, Any]:
    """Return the arguments of ``ray.init``.

    Args:
        address: the address of a cluster; None starts one on this machine.
        folder: an empty folder for temporary files, in which the workers' working folder is created.
        verbose: whether what Ray and the workers print is shown.
    """
    # Without a working folder, Ray puts the driver's folder first on its workers' import path, and a user's torch.py
    # in that folder would be imported instead of torch.
    working_folder = folder / "job"
    working_folder.mkdir()
    options: dict[str, Any] = {
        "log_to_driver": verbose,
        "logging_level": "INFO" if verbose else "ERROR",
        "runtime_env": {"working_dir": str(working_folder)},
    }
    if address is not None:
        return {**options, "address": address}
    return {
        **options,
        "address": "local",  # a new cluster even if another one runs on this machine
        "include_dashboard": False,
        "num_cpus": available_cpus(),
        "_temp_dir": str(folder),
    }


@contextmanager
def _ensure_home(folder: Path) -> Iterator[None]:
    """Set ``$HOME`` to a folder within the context if the user has no home folder, as in some containers.

    Tune fails without a home folder, although it writes nothing there.
    """
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
    """Call ``ray.init``, and keep the handling of SIGTERM as it was before.

    Raises:
        ClusterError: Ray does not start; the message has the first line of Ray's own message.
    """
    import ray

    try:
        with shielding_children(), restoring_handlers():
            ray.init(**options)
    except SystemExit:  # how Ray reacts to a SIGTERM while it starts
        ray.shutdown()
        signal.raise_signal(signal.SIGTERM)
    except Exception as error:  # OSError, ValueError, RuntimeError, ConnectionError and exceptions of Ray's own
        ray.shutdown()
        raise ClusterError(f"Ray does not start: {_first_line(error)}; {_advice(error)}") from None


def _first_line(error: Exception) -> str:
    """Return the type of an error and the first line of its message, if it has one."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def _advice(error: Exception) -> str:
    """Return what the user can do about an error at Ray's start."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < MIN_OPEN_FILES:
        return "raise the number of files that may be open: ulimit -n 65536"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
        return "set TMPDIR to a folder with free space that you may write to, and check the free space in /dev/shm"
    return "`prunesweep run --in-process` runs without it"


def _set_environment(address: str | None) -> None:
    """Set the environment variables that ray reads once, when it is imported, unless the user has set them."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # A cluster started here listens on this machine alone, and needs no token, which Ray would leave behind.
    os.environ.setdefault("RAY_AUTH_MODE", "disabled" if address is None else "token")
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
    # No output of Tune's own, none of its five log files per trial, and hardly any snapshots: a sweep resumes from
    # the store alone.
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
    os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "3600")


def _check_answers(address: str) -> None:
    """Check that a Ray cluster answers at an address within ``ANSWER_SECONDS``.

    The check runs in another process, because a connection attempt to something that is not Ray cannot be aborted.

    Raises:
        ClusterError: no cluster answers.
    """
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
    """Check that the connected cluster can run at least one trial.

    Raises:
        ClusterError: no node has the CPUs and GPUs of one trial.
    """
    import ray

    if cluster_capacity(resources) > 0:
        return
    has = ray.cluster_resources()
    cpus, gpus = _amount(has.get("CPU", 0), "CPU"), _amount(has.get("GPU", 0), "GPU")
    raise ClusterError(_too_small(resources, f"the cluster has {cpus} and {gpus} in all"))


def _too_small(resources: Resources, available: str) -> str:
    """Return the message that the cluster or machine is too small for one trial.

    Args:
        resources: what one trial needs.
        available: a clause that says what the cluster or machine has.
    """
    cpus, gpus = _amount(resources.cpu, "CPU"), _amount(resources.gpus, "GPU")
    return f"resources: a trial asks for {cpus} and {gpus} on one node; {available}"


def _amount(number: float, noun: str) -> str:
    """Return a number, which need not be whole, with its noun."""
    return f"{number:g} {noun if number == 1 else noun + 's'}"
