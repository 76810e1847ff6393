"""The size of one network beside its baseline's, and how much pruning left of each layer."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.documents import JsonObject
from prunesweep.results_store.rows import Row
from prunesweep.sweeps.catalogue import ARCHITECTURES


@dataclass(frozen=True)
class LayerSize:
    """A convolution with removable filters, or a residual block.

    Attributes:
        module: the module path.
        structure: ``filters`` for a convolution, ``layers`` for a block.
        before: the number of filters in the unpruned network; 1 for a block.
        after: the number that is left.
    """

    module: str
    structure: str
    before: int
    after: int


@dataclass(frozen=True)
class SizeFacts:
    """The size of a network, and what pruning removed since the baseline.

    Attributes:
        parameters: the number of parameters.
        flops: floating-point operations for one image.
        baseline_parameters: the number of parameters of the baseline; None if it is not stored.
        baseline_flops: the baseline's floating-point operations, likewise.
        filters_removed: filters removed, without those of removed blocks.
        filters_asked: filters to remove, as requested.
        blocks_removed: residual blocks removed.
        blocks_asked: residual blocks to remove, as requested.
        layers: the residual blocks and the convolutions with removable filters, in the order in which they run; a
            convolution in a removed block is not among them. Empty if the network's description is missing.
    """

    parameters: int
    flops: int
    baseline_parameters: int | None
    baseline_flops: int | None
    filters_removed: int
    filters_asked: int
    blocks_removed: int
    blocks_asked: int
    layers: list[LayerSize]


def sizes_of(store: Store, row: Row, rows: Mapping[str, Row]) -> SizeFacts | None:
    """Return the size of a trial's network, or None if the network is not stored.

    Args:
        store: the store with the description of the network.
        row: the trial's row of the table ``trials``.
        rows: all rows of the table ``trials``, by trial key.
    """
    if row["parameters"] is None:
        return None
    baseline = rows.get(row["baseline_key"], {})
    return SizeFacts(
        parameters=int(row["parameters"]),
        flops=int(row["flops"]),
        baseline_parameters=_whole(baseline.get("parameters")),
        baseline_flops=_whole(baseline.get("flops")),
        filters_removed=int(row["filters_removed"]),
        filters_asked=int(row["filters_asked"]),
        blocks_removed=int(row["blocks_removed"]),
        blocks_asked=int(row["blocks_asked"]),
        layers=_layers(store, row["trial_key"]),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _layers(store: Store, key: str) -> list[LayerSize]:
    with suppress(StoreError):
        description = store.network_description(key)
        if description["architecture"] in ARCHITECTURES:
            return layers_of(description)
    return []


def layers_of(description: JsonObject) -> list[LayerSize]:
    """Return the blocks and the convolutions with removable filters of a network, in the order in which they run.

    Args:
        description: the network's ``network.json``.
    """
    limits = ARCHITECTURES[description["architecture"]].removable
    kept = {stage: [blocks[index] for index in description["kept_blocks"][stage]] for stage, blocks in limits.stages}
    blocks = [
        LayerSize(block, "layers", 1, int(block in kept[stage])) for stage, names in limits.stages for block in names
    ]
    removed = tuple(f"{block.module}." for block in blocks if not block.after)
    convolutions = [
        LayerSize(path, "filters", width, len(description["kept_filters"].get(path, range(width))))
        for path, width in limits.filters
        if not path.startswith(removed)
    ]
    return _in_running_order(blocks, convolutions)


def _in_running_order(blocks: list[LayerSize], convolutions: list[LayerSize]) -> list[LayerSize]:
    """Return blocks and convolutions in one list, each convolution after the block that contains it."""
    ordered: list[LayerSize] = []
    for block in blocks:
        ordered += [block, *(each for each in convolutions if each.module.startswith(f"{block.module}."))]
    return [*(each for each in convolutions if each not in ordered), *ordered]
