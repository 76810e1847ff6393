"""How many trials should share one GPU, measured on the cluster before a sweep starts, for ``resources.gpu: auto``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.running.packing import Packing
from prunesweep.sweeps.trial import Trial

PACKINGS = (1, 2, 4, 8)
# A rate of at least this share of the best is as good: with fewer trials per GPU, each ends sooner and has more memory.
NEARLY_BEST = 0.95
MEASURED_SECONDS = 4.0  # per packing
FREE_GPU_SECONDS = 30.0  # longest wait for a free GPU on a cluster with other users


def find_packing(plan: Plan, data: Mapping[str, Any]) -> Packing:
    """Measure how many trials should share one GPU, and return that number with its reason.

    It must be called inside a ``ray_session``, and takes at most about a minute. Nothing is measured if no GPU would
    be shared anyway, because there are too few CPUs, trials or ``workers``.

    Args:
        plan: the sweep's plan, with at least one trial to run.
        data: the data set as ``Dataset.arrays()`` returns it.
    """
    import ray

    resources = plan.sweep.resources
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most = max_trials_per_gpu(nodes, resources.cpu, min(len(plan.to_run), resources.workers or len(plan.to_run)))
    if most == 0:
        return Packing(0, "the cluster has no GPU")
    packings = [count for count in PACKINGS if count <= most]
    if len(packings) == 1:
        return Packing(1, "there are too few trials, or too few CPUs, for two trials per GPU")
    rates, stop_reason = measure_packings(representative_trials(plan), data, resources.cpu, packings)
    if not rates:
        return Packing(1, f"it could not be measured: {stop_reason}")
    figures = ", ".join(f"{rate:,.0f} with {count} per GPU" for count, rate in rates.items())
    too_many = f"; more do not fit: {stop_reason}" if stop_reason else ""
    return Packing(best_packing(rates), f"images per second: {figures}{too_many}", rates)


def max_trials_per_gpu(nodes: Iterable[Mapping[str, float]], cpu: int, concurrent_trials: int) -> int:
    """Return how many trials may share a GPU such that no GPU is idle for lack of trials or CPUs.

    Args:
        nodes: the resources of each node by Ray's names for them, such as ``{"CPU": 16.0, "GPU": 2.0}``.
        cpu: the CPUs of one trial.
        concurrent_trials: how many trials are to run at the same time.

    Returns:
        The number, which is at least 1, or 0 if no node has both a GPU and the CPUs for a trial.
    """
    gpu_nodes = [node for node in nodes if node.get("GPU", 0.0) >= 1 and node.get("CPU", 0.0) >= cpu]
    if not gpu_nodes:
        return 0
    by_cpus = min(int(node["CPU"] // (cpu * int(node["GPU"]))) for node in gpu_nodes)
    by_trials = concurrent_trials // sum(int(node["GPU"]) for node in gpu_nodes)
    return max(1, min(by_cpus, by_trials))


def best_packing(rates: Mapping[int, float]) -> int:
    """Return the smallest number of trials per GPU whose rate is at least ``NEARLY_BEST`` times the best rate.

    Args:
        rates: images per second of all trials together, by the number of trials on the GPU.
    """
    enough = NEARLY_BEST * max(rates.values())
    return min(count for count, rate in rates.items() if rate >= enough)


def representative_trials(plan: Plan) -> list[Trial]:
    """Return, for each architecture to run, the trial that trains for the most epochs.

    A trial whose network is stored already counts as a trial without training, because it is only attacked.
    """
    chosen: dict[str, Trial] = {}
    for trial in plan.to_run:
        if trial.key in plan.networks:
            trial = replace(trial, round=trial.round.model_copy(update={"training": None, "rewind_epoch": None}))
        if trial.architecture not in chosen or trial.round.epochs > chosen[trial.architecture].round.epochs:
            chosen[trial.architecture] = trial
    return list(chosen.values())


def measure_packings(
    trials: Sequence[Trial], data: Mapping[str, Any], cpu: int, packings: Sequence[int]
) -> tuple[dict[int, float], str]:
    """Measure, for several numbers of processes on one GPU, how fast they do the work of the trials.

    Args:
        trials: the trials whose work is measured; each process does an excerpt of the work of all of them.
        data: the data set as ``Dataset.arrays()`` returns it.
        cpu: the CPUs of each process.
        packings: the numbers of processes, ascending.

    Returns:
        Images per second of all processes together, by the number of processes. If the measurement stopped before the
        largest number, the second value is the reason, else "".
    """
    import ray
    from ray.exceptions import RayError
    from ray.util.placement_group import placement_group, remove_placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    most = packings[-1]
    one_gpu = placement_group([{"CPU": cpu * most, "GPU": 1}])  # one bundle reserves a whole GPU of one node
    process = ray.remote(
        num_cpus=cpu, num_gpus=1 / most, scheduling_strategy=PlacementGroupSchedulingStrategy(one_gpu)
    )(_WorkerProcess)
    processes: list[Any] = []
    rates: dict[int, float] = {}
    try:
        if not one_gpu.wait(FREE_GPU_SECONDS):
            return rates, f"no GPU was free for {FREE_GPU_SECONDS:g} s"
        shared_data = ray.put(data)
        for count in packings:
            started = [process.remote() for _ in range(count - len(processes))]
            processes += started
            # Before the clock starts, each process imports torch, initialises CUDA and does all the work once.
            ray.get([actor.prepare.remote(trials, shared_data) for actor in started])
            rates[count] = sum(ray.get([actor.rate.remote(MEASURED_SECONDS) for actor in processes]))
    except RayError as error:  # usually out of memory
        return rates, _first_line(getattr(error, "cause", None) or error)
    finally:
        remove_placement_group(one_gpu)  # ends its processes
    return rates, ""


def _first_line(error: Exception) -> str:
    """Return the type of an error and the first line of its message; Ray appends further lines of its own."""
    return f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]


class _WorkerProcess:
    """A Ray actor that does an excerpt of the work of trials, so that its speed can be measured."""

    def prepare(self, trials: Sequence[Trial], data: Mapping[str, Any]) -> None:
        """Load the data, and do the excerpt of the work once.

        Args:
            trials: the trials whose work is measured.
            data: the data set as ``Dataset.arrays()`` returns it.
        """
        from prunesweep.workers.rate import WorkExcerpt

        self._sample = WorkExcerpt(trials, data)

    def rate(self, seconds: float) -> float:
        """Return the images per second of this process, measured for the given number of seconds."""
        return self._sample.measure_rate(seconds)
