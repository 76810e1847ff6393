"""Batch norms folded into the convolutions before them: in evaluation mode the same network with fewer passes."""

import copy
from collections.abc import Iterator

from torch import nn
from torch.fx import symbolic_trace
from torch.nn.utils import fuse_conv_bn_eval

from workers.architectures.network import Network


def folded(network: Network) -> Network:
    """A copy in evaluation mode, without gradients of its parameters, that says what ``network`` says.

    Logits differ by rounding alone. A norm that was folded is an ``nn.Identity`` in its place, through which the same
    features flow as came out of the norm. For use, not to be trained or stored.
    """
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    for convolution, norm in list(_pairs(copied.body)):
        fused = fuse_conv_bn_eval(copied.body.get_submodule(convolution), copied.body.get_submodule(norm))
        copied.body.set_submodule(convolution, fused)
        copied.body.set_submodule(norm, nn.Identity())
    return copied


def _pairs(body: nn.Module) -> Iterator[tuple[str, str]]:
    """The paths of each convolution whose output goes to a batch norm and nowhere else, and of that norm."""
    graph = symbolic_trace(body).graph
    paths = {node: str(node.target) for node in graph.nodes if node.op == "call_module"}
    for node, norm in paths.items():
        before = node.args[0]
        if (
            isinstance(body.get_submodule(norm), nn.BatchNorm2d)
            and before in paths
            and isinstance(body.get_submodule(paths[before]), nn.Conv2d)
            and len(before.users) == 1
        ):
            yield paths[before], norm
