"""Single elements: counts are those of full passes without the element, and what is stored is not made again."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from prunesweep.results_store import NotStored, Store
from prunesweep.results_store.documents import ElementsResult
from prunesweep.sweeps.attacks import Clean, Corruptions, Fgsm, Occlusion
from prunesweep.sweeps.events import ElementsEvent, ImagesShown, ModuleMeasured
from prunesweep.workers.analyses import elements
from prunesweep.workers.analyses.elements import NoElements, count_each, measure_elements, removable_modules
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
from prunesweep.workers.pruning.silenced_logits import Silencing
from prunesweep.workers.stored_network import load_stored
from prunesweep.workers.tensors import state_arrays
from prunesweep.workers.work import Stopped
from tests.helpers.making import MakeNetwork, widths_of

Attacks = Mapping[str, Any]
Stored = tuple[Store, Dataset]
EPSILON = 1 / 255
ATTACKS = {"fgsm": Fgsm(epsilons=(EPSILON,), headline=EPSILON), "occlusion": Occlusion()}
CORRUPTED = {"corruptions": Corruptions(kinds=("fog", "contrast"), severities=(5,)).settled()}


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
    elements_of = {module.path: module.silencings[:2] for module in removable_modules(network, structure)[1::step]}
    silencings = [silencing for some in elements_of.values() for silencing in some]
    attacks = {**ATTACKS, **CORRUPTED} if architecture == "resnet20" else ATTACKS
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    counts = count_each(Subject(network, test, "images"), silencings, attacks, len(test))
    expected = [
        full_passes_without(network, structure, path, element, test, attacks)
        for path, some in elements_of.items()
        for element in range(len(some))
    ]
    assert counts == {name: [each[name] for each in expected] for name in expected[0]}
    assert len({tuple(each.values()) for each in expected}) > 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_without_fgsm_the_clean_images_are_counted_all_the_same(thin_network: MakeNetwork) -> None:
    network = thin_network("resnet20")
    subject = Subject(network, images_for(network), "images")
    silencings = removable_modules(network, "filters")[4].silencings
    alone = count_each(subject, silencings, {}, 30)
    assert alone == {"clean": count_each(subject, silencings, ATTACKS, 30)["clean"]}


def test_only_the_first_images_are_shown(thin_network: MakeNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "EVALUATION_BATCH", 8)
    network = thin_network("resnet20")
    test = images_for(network)
    silencings = removable_modules(network, "layers")[0].silencings
    counts = count_each(Subject(network, test, "images"), silencings, ATTACKS, 19)
    first = Subject(network, Split(test.images[:19], test.labels[:19]), "images")
    assert counts == count_each(first, silencings, ATTACKS, 100)


# Stored and resumed


@pytest.fixture
def stored(thin_network: MakeNetwork, tmp_path: Path) -> Stored:
    """A store with a thin ResNet20 under the key ``thin``, and its data set."""
    network = thin_network("resnet20")
    test, store = images_for(network), Store(str(tmp_path))
    store.save_network("thin", state_arrays(network), network.spec.to_json())
    return store, Dataset("some", test, test, ("a", "b", "c"))


def measure(stored: Stored, **given: Any) -> list[ElementsResult]:
    store, data = stored
    settings = {"test_fingerprint": "images", "structure": "filters", "attacks": ATTACKS, "images": 20}
    return measure_elements("thin", store, data, **{**settings, **given})


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of silencings of each walk."""
    walks = []

    def count(subject: Subject, silencings: Sequence[Silencing], *arguments: Any) -> Mapping[str, list[int]]:
        walks.append(len(silencings))
        return count_each(subject, silencings, *arguments)

    monkeypatch.setattr(elements, "count_each", count)
    return walks


def unlike_in_time(results: list[ElementsResult]) -> list[dict[str, Any]]:
    return [{name: value for name, value in r.items() if name not in ("seconds", "finished_at")} for r in results]


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
        attacks={"corruptions": Corruptions(kinds=("contrast",), severities=(1, 5), headline="mean").settled()},
        structure="layers",
        modules="layer3.1",
    )
    assert (every["attacks"][1]["severity"], every["attacks"][1]["total"]) == (None, 2 * 20)


def test_an_interrupted_run_goes_on_where_it_was(stored: Stored, counted: list[int], tmp_path: Path) -> None:
    events: list[ModuleMeasured] = []

    def note(event: ElementsEvent) -> None:
        if isinstance(event, ModuleMeasured):
            events.append(event)

    with pytest.raises(Stopped):
        measure(stored, progress=note, should_stop=lambda: len(events) >= 3)
    # three filters a convolution, at least eight filters a walk
    assert counted == [1, 9, 9] and len(stored[0].result_keys()) == 3
    resumed = measure(stored, progress=note)
    assert counted[3:] == [1, 9, 9]
    assert [(event.done, event.seconds > 0) for event in events[3:]] == [
        *((done, False) for done in (1, 2, 3)),
        *((done, True) for done in range(4, 10)),
    ]
    assert measure(stored) == resumed and len(counted) == 6
    other = Store(str(tmp_path / "other"))
    arrays, description = stored[0].load_network("thin")
    other.save_network("thin", arrays, description)
    assert unlike_in_time(measure((other, stored[1]))) == unlike_in_time(resumed)


def test_progress_is_told_after_every_batch(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subjects, "EVALUATION_BATCH", 8)
    events: list[ElementsEvent] = []
    measure(stored, structure="layers", modules="layer3", progress=events.append)
    told = [(event.images, event.of) for event in events if isinstance(event, ImagesShown)]
    assert (
        told == [(8, 20), (16, 20), (20, 20)]
        and isinstance(events[0], ImagesShown)
        and events[0].modules == ("layer3.1", "layer3.2")
    )


def test_what_a_result_is_made_of_names_it(stored: Stored, counted: list[int]) -> None:
    once = measure(stored, structure="layers", modules="layer1")
    assert [result["module"] for result in once] == ["layer1.1", "layer1.2"]
    others = [
        measure(stored, structure="layers", modules="layer1", **other)
        for other in (
            {"images": 19},
            {"attacks": {"occlusion": Occlusion()}},
            {"attacks": {**ATTACKS, "fgsm": Fgsm(epsilons=(0.5,), headline=0.5)}},
            {"test_fingerprint": "others"},
        )
    ]
    assert len({result["key"] for results in (once, *others) for result in results}) == 10
    before = len(counted)
    assert measure(stored, structure="layers")[:2] == once
    assert counted[before:] == [1, 4], "what a run of some modules stored is not made again"


# Bad input


def test_what_has_no_elements_is_said_in_one_line(stored: Stored, thin_network: MakeNetwork) -> None:
    with pytest.raises(NoElements, match="structure layers: this vgg16 has none that may go"):
        removable_modules(thin_network("vgg16"), "layers")
    with pytest.raises(NoElements, match=r"modules 'layer7': no module .* there are layer1.1, layer1.2, layer2.1"):
        measure(stored, structure="layers", modules="layer7")
    with pytest.raises(ValueError, match="attacks on single elements are fgsm, occlusion, corruptions, not pgd"):
        measure(stored, attacks={"pgd": ATTACKS["fgsm"]})
    with pytest.raises(NotStored):
        measure_elements("no", *stored, test_fingerprint="", structure="layers", attacks={}, images=1)


def test_the_last_filter_of_a_convolution_stays(thin_network: MakeNetwork) -> None:
    network = remove_filters(thin_network("resnet20"), {"layer1.0.conv1": [0, 2], "layer1.1.conv1": [1]})
    sizes = {module.path: len(module.silencings) for module in removable_modules(network, "filters", "layer1")}
    assert sizes == {"layer1.1.conv1": 2, "layer1.2.conv1": 3}
