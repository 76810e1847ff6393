"""How many trials run at once on one machine."""

import os


def own_cpus() -> int:
    """How many CPUs of this machine are ours."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def node_capacity(cpus: float, gpus: float, cpu: int, gpu: float) -> int:
    """How many trials fit on one node; those that share a GPU fit on each GPU whole."""
    by_cpu = int(cpus // cpu)
    if gpu == 0:
        return by_cpu
    by_gpu = int(gpus // gpu) if gpu >= 1 else int(gpus) * int(1 / gpu + 1e-9)
    return min(by_cpu, by_gpu)
