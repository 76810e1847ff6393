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
"""One step of a body's forward pass: the path of the module that the step runs, and the function of the step.

A step that runs no module has a name of its own in place of the path.
"""


@dataclass(frozen=True)
class FilterGroup:
    """A convolution whose filters are removable, except that one of them always remains.

    All attributes are module paths inside the body.

    Attributes:
        convolution: the convolution.
        norms: the batch norms that act on the convolution's channels. Zeroing the weight and bias of channel i in all
            these norms silences filter i exactly. The first norm directly follows the convolution.
        activation: the ReLU after the first norm; the ReLU may work in place.
    """

    convolution: str
    norms: tuple[str, ...]
    activation: str


@dataclass(frozen=True)
class Block:
    """A removable residual block.

    Attributes:
        name: module path of the block inside the body.
        stage: name of the block's stage.
        last_norm: module path of the block's last batch norm. Zeroing the norm's weight and bias silences the block
            exactly: only its shortcut remains.
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

        The body maps normalised images (N, 3, H, W) with any H = W >= 16 to logits (N, classes).

        Args:
            classes: number of classes.
        """

    @abstractmethod
    def filter_groups(self, body: nn.Module) -> list[FilterGroup]:
        """Return a body's convolutions with removable filters, in execution order.

        Args:
            body: a body of this architecture, pruned or not.
        """

    @abstractmethod
    def stages(self) -> Mapping[str, tuple[str, ...]]:
        """Return the paths of the baseline's residual blocks by stage, in execution order.

        The mapping is empty for an architecture without residual blocks.
        """

    @abstractmethod
    def removable_blocks(self, body: nn.Module) -> list[Block]:
        """Return the removable residual blocks of a body.

        These blocks preserve the shape of their input and belong to a stage that has more than two blocks now.

        Args:
            body: a body of this architecture, pruned or not.
        """

    @abstractmethod
    def segments(self, body: nn.Module) -> list[Segment]:
        """Split a body's forward pass in evaluation mode into a chain of functions, the segments.

        A segment named P runs the modules P and P.* and no other module with parameters. After a change to one module,
        it is therefore enough to rerun the network from the input of the segment that runs this module.

        Args:
            body: a body of this architecture, pruned or not.
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
