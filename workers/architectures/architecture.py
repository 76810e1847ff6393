"""What every architecture says about itself: its body, and what may be pruned in it.

Words: a *body* is the bare ``nn.Module`` from normalised images to logits; a *stage* is a run of residual
blocks of one width. A removed block is an ``nn.Identity`` in its place, so that names and indices stay those
of the baseline.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

Segment = tuple[str, Callable[[Tensor], Tensor]]
"""A stretch of a body's forward pass, by the path of the module that it runs."""


@dataclass(frozen=True)
class FilterGroup:
    """The filters of one convolution, all of which may go but one; paths are module paths inside the body.

    ``norms`` are the batch norms that carry the convolution's channels: zeroing weight and bias of channel i
    in all of them silences filter i exactly. The first follows the convolution itself, and ``activation``, a
    ReLU that may work in place, follows that first norm.
    """

    convolution: str
    norms: tuple[str, ...]
    activation: str


@dataclass(frozen=True)
class Block:
    """A residual block that may go: zeroing weight and bias of ``last_norm`` silences it exactly.

    ``stage_size`` counts the blocks that the block's stage has now, also those that always stay.
    """

    name: str
    stage: str
    last_norm: str
    stage_size: int


class Architecture(ABC):
    """A family member such as ResNet56. Stateless: a body holds all the state there is."""

    @abstractmethod
    def build(self, classes: int) -> nn.Module:
        """The baseline's body: normalised images (N, 3, H, W), any H = W >= 16, to logits (N, classes)."""

    @abstractmethod
    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """The convolutions of the body as it is now whose filters may go, in the order they run."""

    @abstractmethod
    def stages(self) -> Mapping[str, tuple[str, ...]]:
        """The baseline's residual blocks by stage, in the order they run; empty if there are none."""

    @abstractmethod
    def removable_blocks(self, body: nn.Module) -> list[Block]:
        """The blocks of the body as it is now that may go: shape-preserving ones of stages with more than
        two.
        """

    @abstractmethod
    def segments(self, body: nn.Module) -> list[Segment]:
        """The body's forward pass, in eval mode, as a chain of functions that run one after another.

        A segment named P runs the modules P and P.* and nothing else that has parameters, so whoever changes
        one module can keep the activation that enters its segment and run only from there.
        """

    def remaining_blocks(self, body: nn.Module) -> dict[str, list[str]]:
        """Each stage's blocks that are still in the body."""
        return {
            stage: [name for name in names if not isinstance(body.get_submodule(name), nn.Identity)]
            for stage, names in self.stages().items()
        }
