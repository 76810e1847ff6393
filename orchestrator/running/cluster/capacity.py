"""How many trials run at once on the connected Ray cluster."""

from prunesweep.orchestrator.planning.capacity import node_capacity
from prunesweep.sweeps.language import Resources


def cluster_capacity(resources: Resources) -> int:
    """Return how many trials with these resources the cluster can run at once, at most ``resources.workers``."""
    import ray

    alive = (node["Resources"] for node in ray.nodes() if node["Alive"])
    total = sum(node_capacity(has.get("CPU", 0.0), has.get("GPU", 0.0), resources.cpu, resources.gpus) for has in alive)
    return min(total, resources.workers) if resources.workers else total
