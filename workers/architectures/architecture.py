"""The interface of an architecture: its body, and the structures that can be pruned from it.

A *body* is the bare ``nn.Module`` from normalised images to logits. A *stage* is a group of consecutive residual blocks
of the same width. A removed block is replaced by an ``nn.Identity``, so that module names and indices remain those of
the baseline.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

Segment = tuple[str, Callable[[Tensor], Tensor]]
"""One step of a body's forward pass: the path of the module that it runs, and the function that runs it."""


@dataclass(frozen=True)
class FilterGroup:
    """The filters of one convolution, all but one of which are removable.

    All attributes are module paths inside the body.

    Attributes:
        convolution: the convolution.
        norms: the batch norms on the convolution's channels: zeroing weight and bias of channel i in all of them
            silences filter i exactly. The first one directly follows the convolution.
        activation: the ReLU after the first norm; it may work in place.
    """

    convolution: str
    norms: tuple[str, ...]
    activation: str


@dataclass(frozen=True)
class Block:
    """A removable residual block.

    Attributes:
        name: module path of the block inside the body.
        stage: name of its stage.
        last_norm: module path of its last batch norm: zeroing weight and bias silences the block exactly.
        stage_size: number of blocks that the stage has now, including those that are not removable.
    """

    name: str
    stage: str
    last_norm: str
    stage_size: int


class Architecture(ABC):
    """An architecture such as ResNet56.

    It is stateless: all state is in the body.
    """

    @abstractmethod
    def build(self, classes: int) -> nn.Module:
        """Return the baseline's body.

        It maps normalised images (N, 3, H, W) with any H = W >= 16 to logits (N, classes).

        Args:
            classes: number of classes.
        """

    @abstractmethod
    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """Return the convolutions with removable filters of a body, which may be pruned, in execution order.

        Args:
            body: a body of this architecture.
        """

    @abstractmethod
    def stages(self) -> Mapping[str, tuple[str, ...]]:
        """Return the paths of the baseline's residual blocks by stage, in execution order; empty if it has none."""

    @abstractmethod
    def removable_blocks(self, body: nn.Module) -> list[Block]:
        """Return the removable blocks of a body, which may be pruned.

        They preserve the shape of their input and belong to a stage with more than two blocks.

        Args:
            body: a body of this architecture.
        """

    @abstractmethod
    def segments(self, body: nn.Module) -> list[Segment]:
        """Split a body's forward pass in evaluation mode into a chain of functions.

        A segment named P runs the modules P and P.* and no other module with parameters. After a change to one module,
        it is therefore enough to rerun the network from the input of the module's segment.

        Args:
            body: a body of this architecture.
        """

    def remaining_blocks(self, body: nn.Module) -> dict[str, list[str]]:
        """Return the paths of the blocks that were not removed from a body, by stage.

        Args:
            body: a body of this architecture.
        """
        return {
            stage: [name for name in names if not isinstance(body.get_submodule(name), nn.Identity)]
            for stage, names in self.stages().items()
        }
