"""The paper's Algorithm 2 on ResNet56, compared with evaluations of the whole network without each element.

Our side computes only the part of the network from the masked element on.
"""

from collections.abc import Callable, Sequence

import torch

from benchmarks.subjects import copy_for_attack, random_subject
from benchmarks.timing import Row, median_seconds, print_rows, speedup_row
from prunesweep.sweeps.attacks import Clean, Fgsm, Occlusion
from prunesweep.sweeps.catalogue import CLEAN
from prunesweep.workers.analyses.elements import CorrectCounts, count_each, module_masks
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.clean import clean
from prunesweep.workers.attacks.fgsm import fgsm
from prunesweep.workers.attacks.occlusion import occlusion
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.split import Split
from prunesweep.workers.pruning.masking import silenced
from prunesweep.workers.pruning.silenced_logits import StructureMask

IMAGES = 250
ROUNDS = 1
HEADLINES = Fgsm(epsilons=(8 / 255,)), Occlusion(sides=(16,))
DEFAULTS = Fgsm(), Occlusion()


def run() -> list[Row]:
    """Return rows on filters and on blocks, sampled over the whole network; the counts of all sides must be equal."""
    random_network, split = random_subject("resnet56", IMAGES)
    network = copy_for_attack(random_network)
    filters, blocks = (
        [mask for masks in module_masks(network, structure).values() for mask in masks]
        for structure in ("filters", "layers")
    )
    return [*_rows("filters", network, split, filters[63::252], 3.0), *_rows("blocks", network, split, blocks[3::6])]


def _rows(
    name: str, network: Network, split: Split, masks: Sequence[StructureMask], at_least: float | None = None
) -> list[Row]:
    """Return two rows on some elements, compared with two kinds of evaluations.

    The first evaluates each network at the headlines only, which is what our side counts. The second evaluates it as a
    trial does by default.

    Args:
        name: the elements in words.
        network: the network, prepared for attacks.
        split: the test images.
        masks: the masks of the elements, of which each is evaluated alone.
        at_least: the goal of the speedup, if it has one.
    """

    def ours() -> CorrectCounts:
        headlines = dict(zip(("fgsm", "occlusion"), HEADLINES, strict=True))
        return count_each(Subject(network, split, "benchmark"), masks, headlines, torch.arange(IMAGES))

    at_headlines, by_default = (_evaluations(network, split, masks, attacks) for attacks in (HEADLINES, DEFAULTS))
    assert ours() == at_headlines() == by_default(), "the sides disagree"
    our_seconds, headline_seconds, default_seconds = median_seconds(ours, at_headlines, by_default, rounds=ROUNDS)
    name = f"elements: {len(masks)} {name}"
    return [
        speedup_row(f"{name}, headlines", our_seconds, headline_seconds, at_least=at_least),
        speedup_row(f"{name}, default evaluations", our_seconds, default_seconds, at_least=at_least),
    ]


def _evaluations(
    network: Network, split: Split, masks: Sequence[StructureMask], attacks: tuple[Fgsm, Occlusion]
) -> Callable[[], CorrectCounts]:
    """Return a function that evaluates the network once per element, with that element masked."""

    def evaluate() -> CorrectCounts:
        counts: dict[str, list[int]] = {CLEAN: [], "fgsm": [], "occlusion": []}
        for mask in masks:
            with silenced(network.body, mask.channels):
                subject = Subject(network, split, "benchmark")
                for evaluation in (clean(subject, Clean()), fgsm(subject, attacks[0]), occlusion(subject, attacks[1])):
                    (headline,) = (o for o in evaluation.outcomes if o.severity == evaluation.headline_severity)
                    counts[headline.kind].append(int(headline.correct.sum()))
        return counts

    return evaluate


if __name__ == "__main__":
    print_rows(run())
