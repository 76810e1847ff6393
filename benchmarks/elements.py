"""Algorithm 2 on ResNet56: from where an element lies on, against an evaluation of the network without it."""

from collections.abc import Callable, Sequence

from benchmarks.subjects import as_attacked, random_subject
from benchmarks.timing import Row, seconds, show, times_faster
from prunesweep.sweeps.attacks import Clean, Fgsm, Occlusion
from prunesweep.sweeps.catalogue import CLEAN
from prunesweep.workers.analyses.elements import Counts, count_each, removable_modules
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.clean import clean
from prunesweep.workers.attacks.fgsm import fgsm
from prunesweep.workers.attacks.occlusion import occlusion
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.split import Split
from prunesweep.workers.pruning.masking import silenced
from prunesweep.workers.pruning.silenced_logits import Silencing

IMAGES = 250
ROUNDS = 1
HEADLINES = Fgsm(epsilons=(8 / 255,)), Occlusion(sides=(16,))
DEFAULTS = Fgsm(), Occlusion()


def run() -> list[Row]:
    """Both sides count the same elements, some filters and blocks from all over; their counts have to be equal."""
    made, split = random_subject("resnet56", IMAGES)
    network = as_attacked(made)
    filters, blocks = (
        [silencing for module in removable_modules(network, structure) for silencing in module.silencings]
        for structure in ("filters", "layers")
    )
    return [*_rows("filters", network, split, filters[63::252], 3.0), *_rows("blocks", network, split, blocks[3::6])]


def _rows(
    name: str, network: Network, split: Split, silencings: Sequence[Silencing], at_least: float | None = None
) -> list[Row]:
    """Against evaluations at the headlines alone, which is what ours counts, and as a trial's are by default."""

    def ours() -> Counts:
        headlines = dict(zip(("fgsm", "occlusion"), HEADLINES, strict=True))
        return count_each(Subject(network, split, "benchmark"), silencings, headlines, IMAGES)

    at_headlines, whole = (_evaluations(network, split, silencings, attacks) for attacks in (HEADLINES, DEFAULTS))
    assert ours() == at_headlines() == whole(), "the sides disagree"
    mine, *others = seconds(ours, at_headlines, whole, rounds=ROUNDS)
    name = f"elements: {len(silencings)} {name}"
    return [
        times_faster(f"{name}, headlines", mine, others[0], at_least=at_least),
        times_faster(f"{name}, whole evaluations", mine, others[1], at_least=at_least),
    ]


def _evaluations(
    network: Network, split: Split, silencings: Sequence[Silencing], attacks: tuple[Fgsm, Occlusion]
) -> Callable[[], Counts]:
    """One evaluation an element: the network is silenced, attacked and shown the images, as any network is."""

    def evaluate() -> Counts:
        counts: dict[str, list[int]] = {CLEAN: [], "fgsm": [], "occlusion": []}
        for silencing in silencings:
            with silenced(network.body, silencing.channels):
                subject = Subject(network, split, "benchmark")
                for evaluation in (clean(subject, Clean()), fgsm(subject, attacks[0]), occlusion(subject, attacks[1])):
                    (found,) = (o for o in evaluation.outcomes if o.severity == evaluation.headline_severity)
                    counts[found.kind].append(int(found.correct.sum()))
        return counts

    return evaluate


if __name__ == "__main__":
    show(run())
