"""Cutting filters out of a body, together with the weights of other layers that depend on them.

Only this file uses the library torch-pruning, and it uses only the library's dependency graph (Fang et al., 2023,
"DepGraph: Towards Any Structural Pruning"). Quotas and rankings are our own.
"""

import copy
import gc
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch_pruning import DependencyGraph
from torch_pruning.pruner.function import prune_conv_out_channels


def cut_filters(body: nn.Module, filters: Mapping[str, Sequence[int]], image_size: int) -> nn.Module:
    """Return a smaller copy of a body without some filters and without the weights that depend on them.

    The copy has the same training modes and ``requires_grad`` flags, but no gradients.

    Args:
        body: the body, which is not changed.
        filters: indices of the filters to remove, by convolution.
        image_size: height and width of the images in pixels.
    """
    smaller = copy.deepcopy(body)
    smaller.zero_grad(set_to_none=True)
    requires_grad = {name: parameter.requires_grad for name, parameter in smaller.named_parameters()}
    modes = {module: module.training for module in smaller.modules()}
    graph = _trace(smaller, image_size)
    for convolution, indices in filters.items():
        group = graph.get_pruning_group(smaller.get_submodule(convolution), prune_conv_out_channels, idxs=list(indices))
        group.prune()
    for module, training in modes.items():
        module.training = training
    for name, parameter in smaller.named_parameters():
        parameter.requires_grad_(requires_grad[name])
    # The graph has reference cycles and holds the autograd graph (200 MB for a ResNet50). Without this collection, that
    # memory would still be in use during training.
    del graph, group
    gc.collect()
    return smaller


def _trace(body: nn.Module, image_size: int) -> DependencyGraph:
    """Return the dependency graph of a body, and turn ``requires_grad`` on for all its parameters.

    The dependency graph is derived from the autograd graph, which contains only parameters that require gradients.
    """
    body.requires_grad_(True)
    device = next(body.parameters()).device
    images = torch.zeros(1, 3, image_size, image_size, device=device)
    with torch.enable_grad():
        return DependencyGraph().build_dependency(body, example_inputs=[images])
