"""How many trials run at once on one machine."""

import os


def available_cpus() -> int:
    """Return how many CPUs of this machine the process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def node_capacity(cpus: float, gpus: float, cpu: int, gpu: float) -> int:
    """Return how many trials can run at once on one node.

    Trials that share a GPU never span two GPUs: if each takes 0.4 of a GPU, two of them run on each GPU.

    Args:
        cpus: the CPUs of the node.
        gpus: the GPUs of the node.
        cpu: the CPUs of one trial.
        gpu: the GPUs of one trial, or its share of one GPU; 0 if it uses none.
    """
    by_cpu = int(cpus // cpu)
    if gpu == 0:
        return by_cpu
    by_gpu = int(gpus // gpu) if gpu >= 1 else int(gpus) * int(1 / gpu + 1e-9)
    return min(by_cpu, by_gpu)
