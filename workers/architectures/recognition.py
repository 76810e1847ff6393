"""Finding out which architecture the tensors of a weights file belong to."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from prunesweep.sweeps.catalogue import ARCHITECTURES
from prunesweep.workers.architectures.network import new_network
from prunesweep.workers.architectures.rebuilding import BODY_PREFIX
from prunesweep.workers.architectures.spec import MIN_IMAGE_SIZE, find_architecture
from prunesweep.workers.architectures.weights_file import BATCH_COUNTER, WeightsError, load_weights

_UNIT = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))  # a normalisation that changes nothing


def recognise_architecture(tensors: Mapping[str, Tensor]) -> tuple[str, int]:
    """Return the name of the architecture that tensors belong to, and the number of classes of its classifier.

    Args:
        tensors: the tensors of an unpruned network by name, as ``read_weights_file`` returns them.

    Raises:
        WeightsError: the tensors match no architecture; the message is one line, names the architecture that is most
            similar, and says what does not match.
    """
    given = _names(tensors)
    similarity = {name: _similarity(given, _names(_body(name, classes=1).state_dict())) for name in ARCHITECTURES}
    nearest = max(similarity, key=lambda name: similarity[name])
    classes = _count_classes(nearest, tensors)
    try:
        load_weights(new_network(nearest, classes, MIN_IMAGE_SIZE, *_UNIT, generator=torch.Generator()), tensors)
    except WeightsError as error:
        known = ", ".join(ARCHITECTURES)
        raise WeightsError(f"matches none of {known}; it is most similar to {nearest}, but {error}") from None
    return nearest, classes


def _body(architecture: str, classes: int) -> nn.Module:
    """Return a body on the meta device, which has shapes but no values."""
    with torch.device("meta"):
        return find_architecture(architecture).build(classes)


def _names(tensors: Iterable[str]) -> frozenset[str]:
    """Return the names of tensors without the prefix of a body, and without the counters of batch norms."""
    return frozenset(name.removeprefix(BODY_PREFIX) for name in tensors if not name.endswith(BATCH_COUNTER))


def _similarity(given: frozenset[str], expected: frozenset[str]) -> float:
    """Return the share of names that two sets have in common, in [0, 1]."""
    return len(given & expected) / len(given | expected)


def _count_classes(architecture: str, tensors: Mapping[str, Tensor]) -> int:
    """Return the number of rows of the classifier in the tensors; 1 if they have no classifier of this name."""
    modules = _body(architecture, classes=1).named_modules()
    *_, classifier = (name for name, module in modules if isinstance(module, nn.Linear))
    rows = [
        tensor.shape for name, tensor in tensors.items() if name.removeprefix(BODY_PREFIX) == f"{classifier}.weight"
    ]
    return rows[0][0] if rows and rows[0] else 1
