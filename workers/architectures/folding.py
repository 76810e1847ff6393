"""Batch norms folded into the convolutions before them: in evaluation mode the same network with fewer passes."""

import copy
from collections.abc import Iterator
from typing import TypeVar

from torch import nn
from torch.fx import symbolic_trace
from torch.nn.utils import fuse_conv_bn_eval

from prunesweep.workers.architectures.modules import module_at

_Module = TypeVar("_Module", bound=nn.Module)


def folded(network: _Module) -> _Module:
    """A copy in evaluation mode, without gradients of its parameters, that says what ``network`` says.

    Logits differ by rounding alone. It is for classifying: the sign of a gradient near zero hangs on roundings. A norm
    that was folded is an ``nn.Identity`` in its place, through which the features flow that came out of the norm.
    """
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    for convolution, norm in list(_pairs(copied)):
        before, after = module_at(copied, convolution, nn.Conv2d), module_at(copied, norm, nn.BatchNorm2d)
        copied.set_submodule(convolution, fuse_conv_bn_eval(before, after))
        copied.set_submodule(norm, nn.Identity())
    return copied


def _pairs(network: nn.Module) -> Iterator[tuple[str, str]]:
    """The paths of each convolution whose output goes to a batch norm and nowhere else, and of that norm."""
    graph = symbolic_trace(network).graph
    paths = {node: str(node.target) for node in graph.nodes if node.op == "call_module"}
    for node, norm in paths.items():
        before = node.args[0]
        if (
            isinstance(network.get_submodule(norm), nn.BatchNorm2d)
            and before in paths
            and isinstance(network.get_submodule(paths[before]), nn.Conv2d)
            and len(before.users) == 1
        ):
            yield paths[before], norm
