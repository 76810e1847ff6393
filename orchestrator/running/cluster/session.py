"""A connection to Ray: to the cluster at an address, or to one that is started here and ended with the sweep."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from prunesweep.orchestrator.running.cluster.capacity import cluster_capacity, own_cpus
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.language import Resources

ANSWER_SECONDS = 20
_PROBE = "import ray, sys; ray.init(address=sys.argv[1], log_to_driver=False, logging_level='ERROR')"


class ClusterError(UserError):
    """A Ray cluster that does not answer, or is too small."""


@contextmanager
def ray_session(address: str | None, resources: Resources) -> Iterator[None]:
    """Connects to Ray and disconnects at the end.

    Raises:
        ClusterError: the address does not answer in time, or no node can take one trial.
    """
    _set_environment(address)
    if address is not None:
        _check_answers(address)
    elif resources.cpu > own_cpus() and "RAY_OVERRIDE_RESOURCES" not in os.environ:
        raise ClusterError(_too_small(resources, f"this machine has {own_cpus()} CPUs"))  # before Ray's start
    import ray

    if ray.is_initialized():
        raise ClusterError("this process is connected to Ray already; call ray.shutdown() before running a sweep")
    with tempfile.TemporaryDirectory(prefix="prunesweep-job-") as job_folder:
        # Without a folder of its own, Ray puts the driver's folder first on its workers' path, and a user's torch.py
        # that lies there would be imported in place of torch.
        options = {
            "log_to_driver": False,
            "logging_level": "ERROR",
            "runtime_env": {"working_dir": job_folder},
        }
        if address is None:
            # "local" starts a cluster of our own even beside one that runs on this machine already.
            ray.init(address="local", include_dashboard=False, num_cpus=own_cpus(), **options)
        else:
            ray.init(address=address, **options)
        try:
            _check_size(resources)
            yield
        finally:
            ray.shutdown()


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
