"""Single elements of a network in a store, measured without the orchestrator."""

from collections.abc import Callable, Mapping

from prunesweep.results_store import Store
from prunesweep.results_store.documents import ElementsResult
from prunesweep.sweeps.analyses import SingleElements, element_sample
from prunesweep.sweeps.attacks import AttackSettings
from prunesweep.sweeps.events import ImagesEvaluated
from prunesweep.workers.analyses.elements import measure_elements, module_masks
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.stored_network import load_stored
from prunesweep.workers.work import ShouldStop


def elements_of(
    key: str,
    store: Store,
    data: Dataset,
    *,
    structure: str,
    attacks: Mapping[str, AttackSettings],
    images: int,
    test_fingerprint: str = "images",
    modules: str = "",
    progress: Callable[[ImagesEvaluated], None] = lambda event: None,
    should_stop: ShouldStop = lambda: False,
) -> list[ElementsResult]:
    network = load_stored(store, key, data.device).network
    shown, fingerprint = element_sample(data.name, len(data.test), test_fingerprint, images)
    analyses = [
        SingleElements(key, structure, module, attacks, shown, fingerprint)
        for module in module_masks(network, structure)
        if module.startswith(modules)
    ]
    measured = measure_elements(
        analyses, network, data, test_fingerprint=test_fingerprint, progress=progress, should_stop=should_stop
    )
    return list(measured)
