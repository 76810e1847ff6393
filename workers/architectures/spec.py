"""The description of a network in ``network.json``. It suffices, together with the tensors, to rebuild the network."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from prunesweep.sweeps.catalogue import ARCHITECTURES, resolve
from prunesweep.sweeps.errors import UserError
from prunesweep.workers.architectures.architecture import Architecture

MIN_IMAGE_SIZE = 16
FIELDS = ("architecture", "classes", "image_size", "mean", "std", "kept_filters", "kept_blocks")


class NetworkError(UserError, ValueError):
    """A stored network, or its description, that is missing, malformed or contradictory."""


@dataclass(frozen=True)
class NetworkSpec:
    """The architecture and normalisation of a network, and the structures that pruning removed.

    An invalid description raises ``NetworkError``. Indices of filters and names of blocks are those that the structures
    have in the unpruned network, the baseline.

    Attributes:
        architecture: name of the architecture.
        classes: number of classes.
        image_size: height and width in pixels, at least 16.
        mean: means that normalise the channels of images in [0, 1].
        std: standard deviations that normalise the channels.
        kept_filters: ascending indices of the remaining filters, by the path of each convolution that lost filters.
        removed_blocks: names of the removed residual blocks.
    """

    architecture: str
    classes: int
    image_size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    kept_filters: dict[str, list[int]] = field(default_factory=dict)
    removed_blocks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Check that the description is valid."""
        _require(self.architecture in ARCHITECTURES, f"architecture {self.architecture!r} is not known")
        _require(_is_count(self.classes, 1), f"classes {self.classes!r} is not a positive integer")
        _require(
            _is_count(self.image_size, MIN_IMAGE_SIZE),
            f"image_size {self.image_size!r} is not an integer of at least {MIN_IMAGE_SIZE}",
        )
        _require(_are_three_numbers(self.mean), f"mean {self.mean!r} is not three numbers")
        _require(
            _are_three_numbers(self.std) and min(self.std) > 0,
            f"std {self.std!r} is not three positive numbers",
        )
        for convolution, indices in self.kept_filters.items():
            _require(_is_ascending(indices), f"kept_filters of {convolution!r} are not ascending indices")
        blocks = [name for names in find_architecture(self.architecture).stages().values() for name in names]
        for name in self.removed_blocks:
            _require(name in blocks, f"{name!r} is not a residual block of {self.architecture}")

    @property
    def kept_blocks(self) -> dict[str, list[int]]:
        """Return the remaining blocks of each stage, as indices into the baseline's stage."""
        return {
            stage: [i for i, name in enumerate(names) if name not in self.removed_blocks]
            for stage, names in find_architecture(self.architecture).stages().items()
        }

    @property
    def single_filter_layers(self) -> list[str]:
        """Return the paths of the convolutions, outside removed blocks, that pruning left with a single filter."""
        removed = tuple(f"{block}." for block in self.removed_blocks)
        return [name for name, kept in self.kept_filters.items() if len(kept) == 1 and not name.startswith(removed)]

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``network.json``, which lists the remaining blocks instead of the removed ones."""
        fields = asdict(self) | {
            "mean": list(self.mean),
            "std": list(self.std),
            "kept_blocks": self.kept_blocks,
        }
        return {name: fields[name] for name in FIELDS}

    @classmethod
    def from_json(cls, description: Mapping[str, Any]) -> "NetworkSpec":
        """Create a spec from what ``to_json`` returned.

        Unknown or missing keys and invalid values raise ``NetworkError``.

        Args:
            description: content of a ``network.json``.
        """
        _require(isinstance(description, Mapping), "it is not a JSON object")
        for name in description:
            _require(name in FIELDS, f"unknown key {name!r}; known keys are {', '.join(FIELDS)}")
        for name in FIELDS:
            _require(name in description, f"key {name!r} is missing")
        for name in ("mean", "std"):
            _require(_are_three_numbers(description[name]), f"{name} {description[name]!r} is not three numbers")
        for name in ("kept_filters", "kept_blocks"):
            _require(_is_index_table(description[name]), f"{name} is not an object of lists of ascending indices")
        return cls(
            architecture=description["architecture"],
            classes=description["classes"],
            image_size=description["image_size"],
            mean=tuple(description["mean"]),
            std=tuple(description["std"]),
            kept_filters=dict(description["kept_filters"]),
            removed_blocks=_removed_blocks(description["architecture"], description["kept_blocks"]),
        )


def find_architecture(name: str) -> Architecture:
    """Return the architecture with a name such as ``resnet56``; an unknown name raises ``NetworkError``."""
    _require(isinstance(name, str) and name in ARCHITECTURES, f"architecture {name!r} is not known")
    architecture: Architecture = resolve(ARCHITECTURES[name].code)
    return architecture


def _removed_blocks(architecture: str, kept_blocks: Mapping[str, list[int]]) -> list[str]:
    stages = find_architecture(architecture).stages()
    _require(list(kept_blocks) == list(stages), f"kept_blocks must name the stages {', '.join(stages) or '(none)'}")
    for stage, indices in kept_blocks.items():
        _require(max(indices, default=0) < len(stages[stage]), f"kept_blocks of {stage} has an index out of range")
    return [name for stage, names in stages.items() for i, name in enumerate(names) if i not in kept_blocks[stage]]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise NetworkError(f"network description: {message}")


def _is_count(value: Any, minimum: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= minimum


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
