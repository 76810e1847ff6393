"""Resizing the layers of a baseline's body to the shapes of a pruned network's tensors."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from prunesweep.workers.architectures.spec import MIN_IMAGE_SIZE, NetworkError, NetworkSpec

BODY_PREFIX = "body."
"""Prefix of the body's tensors in a network's state dict."""


def shape_body(body: nn.Module, spec: NetworkSpec, tensors: Mapping[str, Tensor]) -> None:
    """Resize every layer of a body to the shapes of that layer's tensors in a state dict.

    Whether each layer accepts the output of the layers before it is not checked here but by ``check_that_layers_fit``.
    A tensor that is missing or contradicts the spec raises ``NetworkError``.

    Args:
        body: the baseline's body on the meta device, changed in place.
        spec: description of the network.
        tensors: the network's state dict.
    """
    layers = {
        name: layer for name, layer in body.named_modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d | nn.Linear)
    }
    for name in spec.kept_filters:
        _require(
            isinstance(layers.get(name), nn.Conv2d),
            f"kept_filters names {name}, which is not a convolution of this network",
        )
    for name, layer in layers.items():
        key = f"{BODY_PREFIX}{name}.weight"
        _require(key in tensors, f"{key} is missing")
        shape = tensors[key].shape
        is_compatible = len(shape) == layer.weight.ndim and shape[2:] == layer.weight.shape[2:] and 0 not in shape
        _require(is_compatible, f"{key} has shape {tuple(shape)} where the baseline has {tuple(layer.weight.shape)}")
        if isinstance(layer, nn.BatchNorm2d):
            _shape_norm(layer, shape)
        elif isinstance(layer, nn.Linear):
            _require(shape[0] == spec.classes, f"{key} has {shape[0]} rows for {spec.classes} classes")
            _shape_linear(layer, shape)
        elif layer.groups > 1:
            _shape_depthwise(layer, shape)
        else:
            filters = len(spec.kept_filters.get(name, range(layer.out_channels)))
            _require(shape[0] == filters, f"{key} has {shape[0]} filters where the description keeps {filters}")
            _shape_convolution(layer, shape)


def check_that_layers_fit(body: nn.Module) -> None:
    """Check that each layer of a body accepts the output of the layers before it, by running the body on one image.

    The image has the smallest allowed size, 16×16 pixels. The values of the parameters do not matter.

    Args:
        body: the body. Its training or evaluation mode is restored afterwards.

    Raises:
        NetworkError: the shape of a layer does not match its input.
    """
    was_training = body.training
    try:
        with torch.no_grad():
            body.eval()(torch.zeros(1, 3, MIN_IMAGE_SIZE, MIN_IMAGE_SIZE))
    except RuntimeError as error:
        raise NetworkError(f"its layers do not fit one another: {str(error).splitlines()[0]}") from error
    finally:
        body.train(was_training)


def _shape_norm(norm: nn.BatchNorm2d, shape: torch.Size) -> None:
    norm.num_features = shape[0]
    norm.weight, norm.bias = _parameter(shape), _parameter(shape)
    norm.running_mean, norm.running_var = _parameter(shape).detach(), _parameter(shape).detach()


def _shape_linear(linear: nn.Linear, shape: torch.Size) -> None:
    linear.out_features, linear.in_features = shape
    linear.weight = _parameter(shape)


def _shape_depthwise(convolution: nn.Conv2d, shape: torch.Size) -> None:
    convolution.groups = convolution.in_channels = convolution.out_channels = shape[0]
    convolution.weight = _parameter(shape)


def _shape_convolution(convolution: nn.Conv2d, shape: torch.Size) -> None:
    convolution.out_channels, convolution.in_channels = shape[:2]
    convolution.weight = _parameter(shape)
    if convolution.bias is not None:
        convolution.bias = _parameter(shape[:1])


def _parameter(shape: torch.Size) -> nn.Parameter:
    return nn.Parameter(torch.empty(shape, device="meta"))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise NetworkError(message)
