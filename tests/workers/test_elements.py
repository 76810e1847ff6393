"""Single elements: counts are those of full passes without the element, and what is stored is not made again."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from prunesweep.results_store import Store
from prunesweep.results_store.documents import ElementsResult
from prunesweep.sweeps.attacks import Clean, Corruptions, Fgsm, Occlusion
from prunesweep.sweeps.events import ImagesEvaluated
from prunesweep.workers.analyses import elements
from prunesweep.workers.analyses.elements import count_each, module_masks
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks import subject as subjects
from prunesweep.workers.attacks.clean import clean
from prunesweep.workers.attacks.corruptions.attack import corruptions
from prunesweep.workers.attacks.fgsm import fgsm
from prunesweep.workers.attacks.occlusion import occlusion
from prunesweep.workers.attacks.subject import Evaluation, Subject
from prunesweep.workers.data.dataset import Dataset, LabelledImages, Split
from prunesweep.workers.pruning.filters import remove_filters
from prunesweep.workers.pruning.layers import remove_blocks
from prunesweep.workers.pruning.masking import silenced_filters
from prunesweep.workers.pruning.silenced_logits import StructureMask
from prunesweep.workers.stored_network import load_stored
from prunesweep.workers.tensors import state_arrays
from prunesweep.workers.work import Stopped
from tests.helpers.making import MakeNetwork, widths_of
from tests.helpers.single_elements import elements_of

Attacks = Mapping[str, Any]
Stored = tuple[Store, Dataset]
EPSILON = 1 / 255
ATTACKS = {"fgsm": Fgsm(epsilons=(EPSILON,), headline=EPSILON), "occlusion": Occlusion()}
CORRUPTED = {"corruptions": Corruptions(kinds=("fog", "contrast"), severities=(5,)).resolved()}


@pytest.fixture
def thin_network(random_network: MakeNetwork) -> MakeNetwork:
    """Makes a network of which every convolution that may lose filters has three left."""

    def make(architecture: str) -> Network:
        network = random_network(architecture)
        return remove_filters(network, {name: range(3, width) for name, width in widths_of(network).items()}).eval()

    return make


def images_for(network: Network, images: int = 30) -> Split:
    """Test images, most of which the network gets right. Its classifier is set so that it is sure of none of them."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.randint(0, 256, (images, 3, 4, 4), generator=generator, dtype=torch.uint8)
    pixels = coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)
    (*_, classifier) = (module for module in network.modules() if isinstance(module, torch.nn.Linear))
    with torch.no_grad():
        classifier.bias.sub_(network(pixels.float() / 255).mean(0))
        labels = network(pixels.float() / 255).argmax(1)
    labels[::4] = (labels[::4] + 1) % 3
    return Split(pixels, labels)


def full_passes(network: Network, test: LabelledImages, attacks: Attacks) -> dict[str, int]:
    """How many images survive each attack, by the attacks' own code."""
    subject = Subject(network, test, "images")
    codes: dict[str, Callable[[Subject, Any], Evaluation]] = {
        "fgsm": fgsm,
        "occlusion": occlusion,
        "corruptions": corruptions,
    }
    evaluations = {name: codes[name](subject, settings) for name, settings in attacks.items()}
    headlines = {
        name: sum(int(o.correct.sum()) for o in found.outcomes if o.severity == found.headline_severity)
        for name, found in evaluations.items()
    }
    (unattacked,) = clean(subject, Clean()).outcomes
    return {"clean": int(unattacked.correct.sum()), **headlines}


def full_passes_without(
    network: Network, structure: str, path: str, element: int, test: LabelledImages, attacks: Attacks
) -> dict[str, int]:
    """The same without the element: a block is really removed. A filter is silenced, because a convolution with fewer
    channels sums in another order, and the sign of a gradient near zero may hang on that.
    """
    if structure == "layers":
        return full_passes(remove_blocks(network, [path]), test, attacks)
    with silenced_filters(network, {path: [element]}):
        return full_passes(network, test, attacks)


@pytest.mark.parametrize(
    ("architecture", "structure"),
    [
        ("resnet20", "filters"),
        ("resnet20", "layers"),
        ("mobilenet_v2", "filters"),
        ("mobilenet_v2", "layers"),
        ("vgg16", "filters"),
        pytest.param("resnet50", "filters", marks=pytest.mark.full),
        pytest.param("resnet50", "layers", marks=pytest.mark.full),
    ],
)
def test_counts_are_those_of_the_network_without_the_element(
    random_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch, architecture: str, structure: str
) -> None:
    monkeypatch.setattr(subjects, "EVALUATION_BATCH", 8)
    network = random_network(architecture)
    test = images_for(network, 12)
    step = 6 if structure == "filters" else 3
    modules = [*module_masks(network, structure).items()][1::step]
    some_elements = {path: masks[:2] for path, masks in modules}
    masks = [mask for some in some_elements.values() for mask in some]
    attacks = {**ATTACKS, **CORRUPTED} if architecture == "resnet20" else ATTACKS
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    counts = count_each(Subject(network, test, "images"), masks, attacks, torch.arange(len(test)))
    expected = [
        full_passes_without(network, structure, path, element, test, attacks)
        for path, some in some_elements.items()
        for element in range(len(some))
    ]
    assert counts == {name: [each[name] for each in expected] for name in expected[0]}
    assert len({tuple(each.values()) for each in expected}) > 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_without_fgsm_the_clean_images_are_counted_all_the_same(thin_network: MakeNetwork) -> None:
    network = thin_network("resnet20")
    subject = Subject(network, images_for(network), "images")
    masks = module_masks(network, "filters")["layer2.1.conv1"]
    clean_alone = count_each(subject, masks, {}, torch.arange(30))
    assert clean_alone == {"clean": count_each(subject, masks, ATTACKS, torch.arange(30))["clean"]}


def test_only_the_chosen_images_are_shown(thin_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "EVALUATION_BATCH", 8)
    network = thin_network("resnet20")
    test = images_for(network)
    masks = module_masks(network, "layers")["layer1.1"]
    some = torch.tensor([*range(3, 20), 0, 29])
    counts = count_each(Subject(network, test, "images"), masks, ATTACKS, some)
    alone = Subject(network, Split(test.images[some], test.labels[some]), "images")
    assert counts == count_each(alone, masks, ATTACKS, torch.arange(19))


# Stored and resumed


@pytest.fixture
def stored(thin_network: MakeNetwork, tmp_path: Path) -> Stored:
    """A store with a thin ResNet20 under the key ``thin``, and its data set."""
    network = thin_network("resnet20")
    test, store = images_for(network), Store(str(tmp_path))
    store.save_network("thin", state_arrays(network), network.spec.to_json())
    return store, Dataset("some", test, test, ("a", "b", "c"))


def measure(stored: Stored, **given: Any) -> list[ElementsResult]:
    settings = {"structure": "filters", "attacks": ATTACKS, "images": 20}
    return elements_of("thin", *stored, **{**settings, **given})


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of masks of each walk."""
    walks = []

    def count(subject: Subject, masks: Sequence[StructureMask], *arguments: Any) -> Mapping[str, list[int]]:
        walks.append(len(masks))
        return count_each(subject, masks, *arguments)

    monkeypatch.setattr(elements, "count_each", count)
    return walks


def test_a_result_says_what_was_counted_and_against_what(stored: Stored) -> None:
    first, *_ = measure(stored, images=100, modules="layer2.1")
    subject = Subject(load_stored(stored[0], "thin", torch.device("cpu")).network, stored[1].test, "images")
    whole = full_passes(subject.network, stored[1].test, ATTACKS)
    assert (first["module"], first["elements"], first["images"]) == ("layer2.1.conv1", [0, 1, 2], 30)
    assert {attack["attack"]: attack["reference"] for attack in first["attacks"]} == whole
    assert [(attack["headline"], attack["severity"], attack["total"]) for attack in first["attacks"]] == [
        ("", 0.0, 30),
        ("at 1/255", EPSILON, 30),
        ("of half the side", 8.0, 30),
    ]


def test_corruptions_count_an_image_once_a_kind(stored: Stored) -> None:
    (result,) = measure(stored, attacks=CORRUPTED, structure="layers", modules="layer3.1")
    _, attack = result["attacks"]
    assert (attack["severity"], attack["total"]) == (5.0, 2 * 20)
    (every,) = measure(
        stored,
        attacks={"corruptions": Corruptions(kinds=("contrast",), severities=(1, 5), headline="mean").resolved()},
        structure="layers",
        modules="layer3.1",
    )
    assert (every["attacks"][1]["severity"], every["attacks"][1]["total"]) == (None, 2 * 20)


def test_elements_are_measured_together_and_a_stop_ends_between_batches(stored: Stored, counted: list[int]) -> None:
    assert len(measure(stored)) == 9
    assert counted == [1, 9, 9, 9], "three filters a convolution, at least eight filters a walk"
    with pytest.raises(Stopped):
        measure(stored, should_stop=lambda: len(counted) > 5)
    assert counted[4:] == [1, 9]


def test_progress_is_told_after_every_batch(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "EVALUATION_BATCH", 8)
    events: list[ImagesEvaluated] = []
    measure(stored, structure="layers", modules="layer3", progress=events.append)
    assert [(event.images, event.total) for event in events] == [(8, 20), (16, 20), (20, 20)]
    assert events[0].modules == ("layer3.1", "layer3.2")


def test_the_last_filter_of_a_convolution_stays(thin_network: MakeNetwork) -> None:
    network = remove_filters(thin_network("resnet20"), {"layer1.0.conv1": [0, 2], "layer1.1.conv1": [1]})
    sizes = {path: len(masks) for path, masks in module_masks(network, "filters").items()}
    assert (sizes["layer1.1.conv1"], sizes["layer1.2.conv1"]) == (2, 3) and "layer1.0.conv1" not in sizes
