"""How many trials should share one GPU: measured on the cluster before a sweep starts, for ``resources.gpu: auto``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.running.packing import Packing
from prunesweep.sweeps.trial import Trial

PACKINGS = (1, 2, 4, 8)
NEARLY = 0.95  # of the best rate is as good: trials that share with fewer end sooner and leave more memory
MEASURED_SECONDS = 4.0  # a packing
FREE_SECONDS = 30.0  # how long a GPU of a cluster that others use too is waited for


def find_packing(plan: Plan, data: Mapping[str, Any]) -> Packing:
    """Finds it within a ``ray_session``, in at most a minute or so.

    Nothing is measured where no GPU would be shared anyway: for want of CPUs, of trials, or of ``workers``.

    Args:
        data: ``Dataset.arrays()``.
    """
    import ray

    resources = plan.sweep.resources
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most = most_sharing(nodes, resources.cpu, min(len(plan.to_run), resources.workers or len(plan.to_run)))
    if most == 0:
        return Packing(0, "the cluster has no GPU")
    packings = [count for count in PACKINGS if count <= most]
    if len(packings) == 1:
        return Packing(1, "there are not two trials a GPU to run, or not the CPUs for them")
    rates, ended = measure_packings(work_of(plan), data, resources.cpu, packings)
    if not rates:
        return Packing(1, f"it could not be measured: {ended}")
    figures = ", ".join(f"{count} a GPU {rate:,.0f}" for count, rate in rates.items())
    too_many = f"; more do not fit: {ended}" if ended else ""
    return Packing(best_packing(rates), f"images a second: {figures}{too_many}", rates)


def most_sharing(nodes: Iterable[Mapping[str, float]], cpu: int, at_once: int) -> int:
    """How many trials may share a GPU so that no GPU waits for trials, or for CPUs that others hold.

    Args:
        nodes: the resources of each node, as Ray names them.
        cpu: CPUs of one trial.
        at_once: how many trials there are to run at the same time.

    Returns:
        at least 1; 0 where no node has a GPU and the CPUs for a trial.
    """
    useful = [node for node in nodes if node.get("GPU", 0.0) >= 1 and node.get("CPU", 0.0) >= cpu]
    if not useful:
        return 0
    by_cpus = min(int(node["CPU"] // (cpu * int(node["GPU"]))) for node in useful)
    by_trials = at_once // sum(int(node["GPU"]) for node in useful)
    return max(1, min(by_cpus, by_trials))


def best_packing(rates: Mapping[int, float]) -> int:
    """The fewest trials a GPU whose rate is ``NEARLY`` the best. ``rates``: work a second, by how many share."""
    enough = NEARLY * max(rates.values())
    return min(count for count, rate in rates.items() if rate >= enough)


def work_of(plan: Plan) -> list[Trial]:
    """Of each architecture to run, the trial that trains longest; stored networks are only attacked."""
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
    """Lets more and more processes do the trials' work on one GPU.

    Args:
        packings: how many processes at a time, ascending.

    Returns:
        images a second of all together, by how many they were, and why it ended before the last; "" where it did not.
    """
    import ray
    from ray.exceptions import RayError
    from ray.util.placement_group import placement_group, remove_placement_group
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    most = packings[-1]
    one_gpu = placement_group([{"CPU": cpu * most, "GPU": 1}])  # a bundle is a whole GPU of one node
    process = ray.remote(
        num_cpus=cpu, num_gpus=1 / most, scheduling_strategy=PlacementGroupSchedulingStrategy(one_gpu)
    )(_WorkerProcess)
    processes: list[Any] = []
    rates: dict[int, float] = {}
    try:
        if not one_gpu.wait(FREE_SECONDS):
            return rates, f"no GPU was free for {FREE_SECONDS:g} s"
        shared = ray.put(data)
        for count in packings:
            started = [process.remote() for _ in range(count - len(processes))]
            processes += started
            # Torch is imported, CUDA up and everything done once before the clock starts.
            ray.get([each.prepare.remote(trials, shared) for each in started])
            rates[count] = sum(ray.get([each.rate.remote(MEASURED_SECONDS) for each in processes]))
    except RayError as error:  # out of memory, most of the time
        return rates, _first_line(getattr(error, "cause", None) or error)
    finally:
        remove_placement_group(one_gpu)  # ends its processes
    return rates, ""


def _first_line(error: Exception) -> str:
    """Of more lines, the rest are Ray's own."""
    return f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]


class _WorkerProcess:
    """A Ray actor that works as a trial's worker does."""

    def prepare(self, trials: Sequence[Trial], data: Mapping[str, Any]) -> None:
        from prunesweep.workers.rate import WorkExcerpt

        self._sample = WorkExcerpt(trials, data)

    def rate(self, seconds: float) -> float:
        """Images a second."""
        return self._sample.rate(seconds)
