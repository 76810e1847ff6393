"""Looking at what flows through a network."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from torch import Tensor

from prunesweep.workers.architectures.network import Network, evaluating
from prunesweep.workers.pruning.scoring_images import ScoringImages


def observe(
    network: Network, paths: Iterable[str], sample: ScoringImages, receive: Callable[[str, Tensor], None]
) -> None:
    """Runs the sample through the network in eval mode, without gradients.

    For every batch of n images, ``receive`` gets each module path inside the body with that module's output
    (n, channels, height, width), which it must not change. Modules are left as they were, without hooks.
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
    """The mean over all images of ``measure``, which turns a module's output (n, c, h, w) into (n, c).

    Returns float64 (c,) on the CPU by module path. Only sums are kept, however large the sample.
    """
    sums: dict[str, Tensor] = {}

    def add(path: str, output: Tensor) -> None:
        total = measure(output).double().sum(dim=0).cpu()
        sums[path] = sums[path] + total if path in sums else total

    observe(network, paths, sample, add)
    return {path: total / len(sample.images) for path, total in sums.items()}
