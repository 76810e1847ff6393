"""What ``network.json`` says of a network: all that, beside its tensors, is needed to build it again."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from prunesweep.sweeps.catalogue import ARCHITECTURES, resolve
from prunesweep.sweeps.errors import UserError
from prunesweep.workers.architectures.architecture import Architecture

LEAST_IMAGE_SIZE = 16
FIELDS = ("architecture", "classes", "image_size", "mean", "std", "kept_filters", "kept_blocks")


class NetworkError(UserError, ValueError):
    """A stored network, or the description of one, that is missing, malformed or contradicts itself."""


@dataclass(frozen=True)
class NetworkSpec:
    """A network's architecture, normalisation and what pruning left of it; raises NetworkError if it makes no
    sense.

    ``image_size`` is height and width in pixels, at least 16. ``mean`` and ``std`` normalise channels of [0,
    1]. ``kept_filters`` holds, for each convolution that lost some, the ascending indices of the filters that
    remain; ``removed_blocks`` the names of the residual blocks that are gone. Indices and names are the
    baseline's.
    """

    architecture: str
    classes: int
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    kept_filters: dict[str, list[int]] = field(default_factory=dict)
    removed_blocks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        _demand(self.architecture in ARCHITECTURES, f"architecture {self.architecture!r} is not known")
        _demand(_is_count(self.classes, 1), f"classes {self.classes!r} is not a positive integer")
        _demand(
            _is_count(self.image_size, LEAST_IMAGE_SIZE),
            f"image_size {self.image_size!r} is not an integer of at least {LEAST_IMAGE_SIZE}",
        )
        _demand(_are_three_numbers(self.mean), f"mean {self.mean!r} is not three numbers")
        _demand(
            _are_three_numbers(self.std) and min(self.std) > 0,
            f"std {self.std!r} is not three positive numbers",
        )
        for convolution, kept in self.kept_filters.items():
            _demand(_is_ascending(kept), f"kept_filters of {convolution!r} are not ascending indices")
        blocks = [name for names in find_architecture(self.architecture).stages().values() for name in names]
        for name in self.removed_blocks:
            _demand(name in blocks, f"{name!r} is not a residual block of {self.architecture}")

    @property
    def kept_blocks(self) -> dict[str, list[int]]:
        """Each stage's blocks that remain, as indices into the baseline's stage."""
        return {
            stage: [i for i, name in enumerate(names) if name not in self.removed_blocks]
            for stage, names in find_architecture(self.architecture).stages().items()
        }

    @property
    def single_filter_layers(self) -> list[str]:
        """The convolutions that pruning left with a single filter."""
        gone = tuple(f"{block}." for block in self.removed_blocks)
        return [name for name, kept in self.kept_filters.items() if len(kept) == 1 and not name.startswith(gone)]

    def to_json(self) -> dict[str, Any]:
        """A dictionary that ``json`` can write. It states the blocks that remain, as it does the filters."""
        stated = asdict(self) | {
            "mean": list(self.mean),
            "std": list(self.std),
            "kept_blocks": self.kept_blocks,
        }
        return {name: stated[name] for name in FIELDS}

    @classmethod
    def from_json(cls, stated: Mapping[str, Any]) -> "NetworkSpec":
        """The inverse of ``to_json``; raises NetworkError for unknown or missing keys and values of a wrong
        kind.
        """
        _demand(isinstance(stated, Mapping), "it is not a JSON object")
        for name in stated:
            _demand(name in FIELDS, f"unknown key {name!r}; known are {', '.join(FIELDS)}")
        for name in FIELDS:
            _demand(name in stated, f"key {name!r} is missing")
        for name in ("mean", "std"):
            _demand(_are_three_numbers(stated[name]), f"{name} {stated[name]!r} is not three numbers")
        for name in ("kept_filters", "kept_blocks"):
            _demand(_is_index_table(stated[name]), f"{name} is not an object of lists of ascending indices")
        return cls(
            architecture=stated["architecture"],
            classes=stated["classes"],
            image_size=stated["image_size"],
            mean=tuple(stated["mean"]),
            std=tuple(stated["std"]),
            kept_filters=dict(stated["kept_filters"]),
            removed_blocks=_removed_blocks(stated["architecture"], stated["kept_blocks"]),
        )


def find_architecture(name: str) -> Architecture:
    """The architecture of that name; raises NetworkError if there is none."""
    _demand(isinstance(name, str) and name in ARCHITECTURES, f"architecture {name!r} is not known")
    architecture: Architecture = resolve(ARCHITECTURES[name].code)
    return architecture


def _removed_blocks(architecture: str, kept_blocks: Mapping[str, list[int]]) -> list[str]:
    stages = find_architecture(architecture).stages()
    _demand(list(kept_blocks) == list(stages), f"kept_blocks must name the stages {', '.join(stages) or '(none)'}")
    for stage, kept in kept_blocks.items():
        _demand(max(kept, default=0) < len(stages[stage]), f"kept_blocks of {stage} has an index out of range")
    return [name for stage, names in stages.items() for i, name in enumerate(names) if i not in kept_blocks[stage]]


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NetworkError(f"network description: {otherwise}")


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _are_three_numbers(values: Any) -> bool:
    return (
        isinstance(values, Sequence)
        and len(values) == 3
        and all(isinstance(value, int | float) and math.isfinite(value) for value in values)
    )


def _is_ascending(indices: Any) -> bool:
    return (
        isinstance(indices, list)
        and len(indices) > 0
        and all(_is_count(index, 0) for index in indices)
        and all(a < b for a, b in pairwise(indices))
    )


def _is_index_table(table: Any) -> bool:
    return isinstance(table, Mapping) and all(_is_ascending(indices) for indices in table.values())
