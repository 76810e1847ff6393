"""Cutting channels out of a body and out of every layer that depends on them.

This is the one file that knows torch-pruning, of which it uses the dependency graph alone (Fang et al., 2023,
"DepGraph: Towards Any Structural Pruning"): quotas and rankings are ours.
"""

import copy
import gc
from collections.abc import Mapping, Sequence

import torch
from torch import nn
from torch_pruning import DependencyGraph
from torch_pruning.pruner.function import prune_conv_out_channels


def cut_filters(body: nn.Module, filters: Mapping[str, Sequence[int]], image_size: int) -> nn.Module:
    """A smaller copy of ``body`` without the given filters, as indices by convolution; ``body`` stays as it
    is.

    Modes and ``requires_grad`` are kept; gradients are not. ``image_size`` is in pixels.
    """
    smaller = copy.deepcopy(body)
    smaller.zero_grad(set_to_none=True)
    trained = {name: parameter.requires_grad for name, parameter in smaller.named_parameters()}
    modes = {module: module.training for module in smaller.modules()}
    graph = _trace(smaller, image_size)
    for convolution, indices in filters.items():
        group = graph.get_pruning_group(smaller.get_submodule(convolution), prune_conv_out_channels, idxs=list(indices))
        group.prune()
    for module, training in modes.items():
        module.training = training
    for name, parameter in smaller.named_parameters():
        parameter.requires_grad_(trained[name])
    # The graph is circular and holds autograd's, 200 MB of a ResNet50: training would begin beside it.
    del graph, group
    gc.collect()
    return smaller


def _trace(body: nn.Module, image_size: int) -> DependencyGraph:
    """The graph is read off autograd's, so every parameter must need a gradient while it is built."""
    body.requires_grad_(True)
    device = next(body.parameters()).device
    images = torch.zeros(1, 3, image_size, image_size, device=device)
    with torch.enable_grad():
        return DependencyGraph().build_dependency(body, example_inputs=[images])
