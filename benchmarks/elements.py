"""Single elements of ResNet56: from where an element lies on, against full passes of the network without it."""

from collections.abc import Sequence

import torch

from benchmarks.timing import Row, faster, show
from sweeps.attacks import Clean, Fgsm, Occlusion
from sweeps.catalogue import CLEAN
from workers.architectures.network import Network, new_network
from workers.attacks.clean import clean
from workers.attacks.fgsm import fgsm
from workers.attacks.occlusion import occlusion
from workers.attacks.subject import Subject
from workers.data.dataset import Split
from workers.elements import Counts, count_each, removable_modules
from workers.pruning.alone import Silencing
from workers.pruning.masking import silenced
from workers.runtime import place

IMAGES = 50
FGSM = Fgsm(epsilons=(8 / 255,))


def run() -> list[Row]:
    """Both sides count the same elements, some filters and blocks from all over; their counts have to be equal."""
    generator = torch.Generator().manual_seed(0)
    half = (0.5, 0.5, 0.5)
    network = place(new_network("resnet56", 10, 32, half, half, generator=generator), torch.device("cpu")).eval()
    pixels = torch.randint(0, 256, (IMAGES, 3, 32, 32), generator=generator, dtype=torch.uint8)
    with torch.no_grad():
        split = Split(pixels, network(pixels.float() / 255).argmax(1))
    elements = {
        structure: [silencing for module in removable_modules(network, structure) for silencing in module.silencings]
        for structure in ("filters", "layers")
    }
    headline = Occlusion(sides=(16,))
    return [
        _ratio(network, split, elements["filters"][63::126], FGSM, headline, "filters, full passes", 1.5),
        _ratio(network, split, elements["layers"][3::6], FGSM, headline, "blocks, full passes", 1.5),
        _ratio(network, split, elements["layers"][3::6], Fgsm(), Occlusion(), "blocks, whole evaluations", 4.0),
    ]


def _ratio(
    network: Network,
    split: Split,
    silencings: Sequence[Silencing],
    epsilons: Fgsm,
    sides: Occlusion,
    name: str,
    goal: float,
) -> Row:
    def ours() -> Counts:
        subject = Subject(network, split, "benchmark")
        return count_each(subject, silencings, {"fgsm": FGSM, "occlusion": Occlusion()}, IMAGES)

    def theirs() -> Counts:
        counts: dict[str, list[int]] = {CLEAN: [], "fgsm": [], "occlusion": []}
        for silencing in silencings:
            with silenced(network.body, silencing.channels):
                subject = Subject(network, split, "benchmark")
                for evaluation in (clean(subject, Clean()), fgsm(subject, epsilons), occlusion(subject, sides)):
                    (found,) = (o for o in evaluation.outcomes if o.severity == evaluation.headline_severity)
                    counts[found.kind].append(int(found.correct.sum()))
        return counts

    assert ours() == theirs(), "the two sides disagree"
    return faster(f"elements: {len(silencings)} {name}", ours, theirs, at_least=goal, rounds=3)


if __name__ == "__main__":
    show(run())
