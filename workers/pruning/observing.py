"""Observing the outputs of a network's modules."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from torch import Tensor

from prunesweep.workers.architectures.network import Network, evaluating
from prunesweep.workers.pruning.scoring_images import ScoringImages


def observe(
    network: Network, paths: Iterable[str], sample: ScoringImages, receive: Callable[[str, Tensor], None]
) -> None:
    """Pass the scoring images through a network in evaluation mode, without gradients, and report module outputs.

    Afterwards, the hooks are removed and the mode of every module is restored.

    Args:
        network: the network.
        paths: module paths inside the body.
        sample: the scoring images.
        receive: called for every batch of n images with the path and the output (n, channels, height, width) of each
            module; it must not change the output.
    """
    with evaluating(network), ExitStack() as hooks:
        for path in paths:
            module = network.body.get_submodule(path)
            hook = module.register_forward_hook(lambda _, __, output, path=path: receive(path, output))
            hooks.callback(hook.remove)
        for images in sample.batches():
            network(images)


def mean_over_sample(
    network: Network, paths: Iterable[str], sample: ScoringImages, measure: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """Measure each output channel of some modules for each scoring image, and return the means over the images.

    Memory does not grow with the number of images, because only sums are held.

    Args:
        network: the network.
        paths: module paths inside the body.
        sample: the scoring images.
        measure: returns one value per image and channel, (n, c), for a module's output (n, c, h, w).

    Returns:
        The mean of each channel, float64 (c,) on the CPU, by module path.
    """
    sums: dict[str, Tensor] = {}

    def add(path: str, output: Tensor) -> None:
        total = measure(output).double().sum(dim=0).cpu()
        sums[path] = sums[path] + total if path in sums else total

    observe(network, paths, sample, add)
    return {path: total / len(sample.images) for path, total in sums.items()}
