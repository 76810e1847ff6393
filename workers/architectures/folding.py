"""Folding batch norms into the preceding convolutions.

In evaluation mode, the folded network computes the same function with fewer operations.
"""

import copy
from collections.abc import Iterator
from typing import TypeVar

from torch import nn
from torch.fx import symbolic_trace
from torch.nn.utils import fuse_conv_bn_eval

from prunesweep.workers.architectures.modules import module_at

_Module = TypeVar("_Module", bound=nn.Module)


def fold_batch_norms(network: _Module) -> _Module:
    """Return a copy of a network in evaluation mode, with each batch norm folded into the convolution before it.

    The parameters of the copy require no gradients. The logits of the copy differ from those of ``network`` only by
    rounding. Use the copy for predictions alone, because rounding can change the sign of gradients near zero. An
    ``nn.Identity`` replaces each folded norm, so that the module at the norm's path still outputs what the norm did.
    """
    copied = copy.deepcopy(network).eval().requires_grad_(False)
    for convolution, norm in list(_foldable_pairs(copied)):
        before, after = module_at(copied, convolution, nn.Conv2d), module_at(copied, norm, nn.BatchNorm2d)
        copied.set_submodule(convolution, fuse_conv_bn_eval(before, after))
        copied.set_submodule(norm, nn.Identity())
    return copied


def _foldable_pairs(network: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield pairs of paths: a convolution whose output is used only by a batch norm, and this batch norm."""
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
