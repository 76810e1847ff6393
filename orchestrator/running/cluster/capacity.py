"""How many trials run at once: on a node, on the cluster that we are connected to."""

import os

from prunesweep.sweeps.language import Resources


def own_cpus() -> int:
    """How many CPUs of this machine are ours."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cluster_capacity(resources: Resources) -> int:
    """How many trials with these resources the cluster's nodes can run at once; at most ``resources.workers``."""
    import ray

    alive = (node["Resources"] for node in ray.nodes() if node["Alive"])
    total = sum(node_capacity(has.get("CPU", 0.0), has.get("GPU", 0.0), resources.cpu, resources.gpus) for has in alive)
    return min(total, resources.workers) if resources.workers else total


def node_capacity(cpus: float, gpus: float, cpu: int, gpu: float) -> int:
    """How many trials fit on one node; those that share a GPU fit on each GPU whole."""
    by_cpu = int(cpus // cpu)
    if gpu == 0:
        return by_cpu
    by_gpu = int(gpus // gpu) if gpu >= 1 else int(gpus) * int(1 / gpu + 1e-9)
    return min(by_cpu, by_gpu)
