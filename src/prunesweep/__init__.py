"""Sweeps over ways to prune a convolutional network, and the selection among the results.

Each command of the command line has a function here. The argument ``store`` is an open store, or a store's folder or
URL.

=====================  ==================================================================================
``init_sweep``         write a commented sweep file for a data set
``plan_sweep``         plan a sweep: which trials would run, and which results are stored already
``run_sweep``          run the trials that are missing, on a Ray cluster or in this process
``sweep_states``       return the progress of the sweeps of a store
``pareto_front``       select the Pareto-optimal networks
``main_effects``       compare the values of an axis on trials that are equal in everything else
``compare_groups``     compare trials, settings or sweeps with each other, pair by pair
``compare_settings``   compare the gains of all settings, with confidence intervals and p-values
``show_trial``         return everything that a store knows about one trial
``query``              return the rows that a SQL query selects from a store's tables
``transfer``           attack networks with adversarial images crafted on other networks
``single_elements``    measure the effect of removing each filter or residual block alone
``verify_robustness``  check whether a gain in robustness is real
``reproduce``          reproduce the paper's tables and figures
``export_network``     export a network to a folder
``load_network``       load an exported network
=====================  ==================================================================================
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunesweep.orchestrator.analyses.elements import single_elements as single_elements
    from prunesweep.orchestrator.analyses.robustness.verify import verify_robustness as verify_robustness
    from prunesweep.orchestrator.analyses.transfer import transfer as transfer
    from prunesweep.orchestrator.comparison.compare import compare_settings as compare_settings
    from prunesweep.orchestrator.comparison.compare_groups import compare_groups as compare_groups
    from prunesweep.orchestrator.comparison.effects import main_effects as main_effects
    from prunesweep.orchestrator.export import export_network as export_network
    from prunesweep.orchestrator.initialization.initialize import init_sweep as init_sweep
    from prunesweep.orchestrator.paper.registry import reproduce as reproduce
    from prunesweep.orchestrator.planning.plan import plan_sweep as plan_sweep
    from prunesweep.orchestrator.query.sql import query as query
    from prunesweep.orchestrator.query.sweep_states import sweep_states as sweep_states
    from prunesweep.orchestrator.running.run import run_sweep as run_sweep
    from prunesweep.orchestrator.selection.pareto import pareto_front as pareto_front
    from prunesweep.orchestrator.trial_facts.facts import show_trial as show_trial
    from prunesweep.results_store.store import Store as Store
    from prunesweep.workers.architectures.network import load_network as load_network

    __version__: str

# Imported on first use (PEP 562), because `prunesweep --help` and `plan` need neither pandas nor torch.
_MODULES = {
    "Store": "prunesweep.results_store.store",
    "compare_groups": "prunesweep.orchestrator.comparison.compare_groups",
    "compare_settings": "prunesweep.orchestrator.comparison.compare",
    "export_network": "prunesweep.orchestrator.export",
    "init_sweep": "prunesweep.orchestrator.initialization.initialize",
    "load_network": "prunesweep.workers.architectures.network",
    "main_effects": "prunesweep.orchestrator.comparison.effects",
    "pareto_front": "prunesweep.orchestrator.selection.pareto",
    "plan_sweep": "prunesweep.orchestrator.planning.plan",
    "query": "prunesweep.orchestrator.query.sql",
    "reproduce": "prunesweep.orchestrator.paper.registry",
    "run_sweep": "prunesweep.orchestrator.running.run",
    "show_trial": "prunesweep.orchestrator.trial_facts.facts",
    "single_elements": "prunesweep.orchestrator.analyses.elements",
    "sweep_states": "prunesweep.orchestrator.query.sweep_states",
    "transfer": "prunesweep.orchestrator.analyses.transfer",
    "verify_robustness": "prunesweep.orchestrator.analyses.robustness.verify",
}

__all__ = [
    "Store",
    "__version__",
    "compare_groups",
    "compare_settings",
    "export_network",
    "init_sweep",
    "load_network",
    "main_effects",
    "pareto_front",
    "plan_sweep",
    "query",
    "reproduce",
    "run_sweep",
    "show_trial",
    "single_elements",
    "sweep_states",
    "transfer",
    "verify_robustness",
]


def __getattr__(name: str) -> Any:
    """Import a public name on first use.

    Raises:
        AttributeError: there is no such name.
    """
    if name in _MODULES:
        return getattr(import_module(_MODULES[name]), name)
    if name == "__version__":
        from importlib.metadata import version

        return version("prunesweep")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return all names, including those that are not imported yet."""
    return sorted({*globals(), *__all__})
