"""Plans sweeps, runs them on a Ray cluster, and chooses among their results.

``from orchestrator import run_sweep, pareto_front`` is all that a notebook needs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.comparison.compare import compare_settings as compare_settings
    from orchestrator.front import pareto_front as pareto_front
    from orchestrator.run import run_sweep as run_sweep

__all__ = ["DEFAULT_STORE", "compare_settings", "pareto_front", "run_sweep"]

DEFAULT_STORE = "store"


def __getattr__(name: str) -> Any:
    """Imports on first use (PEP 562), so that ``prunesweep --help`` need not wait for pandas."""
    if name == "run_sweep":
        from orchestrator.run import run_sweep

        return run_sweep
    if name == "pareto_front":
        from orchestrator.front import pareto_front

        return pareto_front
    if name == "compare_settings":
        from orchestrator.comparison.compare import compare_settings

        return compare_settings
    raise AttributeError(f"module 'orchestrator' has no attribute {name!r}")
