"""The text of a first sweep file: a small grid, in which every line says why it is as it is."""

from collections.abc import Iterator

from prunesweep.orchestrator.initialization.found_data import FoundData
from prunesweep.orchestrator.initialization.weights import SMALL_SIDE, FoundWeights
from prunesweep.sweeps.words import counted
from prunesweep.sweeps.yaml_core import flow_text

COMMENT_COLUMN = 44  # in which comments begin, if the text before them is shorter
UPDATES = 3000  # of the parameters in a baseline's training: enough for a first look
FEWEST_EPOCHS, MOST_EPOCHS = 10, 40
BATCH_SIZES = {500: 16, 2_000: 32, 10_000: 64}  # by the number of training images below which they are suggested
LARGE_BATCH, LARGE_IMAGE_BATCH = 128, 64
MANY_IMAGES = 20_000  # above, the file mentions the limits

Line = tuple[str, str]
"""A line of YAML and its comment; a comment that stands alone begins at the margin."""


def sweep_file_text(name: str, data: FoundData, weights: FoundWeights | None, *, has_gpu: bool) -> str:
    """Return a sweep file with a small grid for a data set.

    Args:
        name: the name of the sweep.
        data: the data set.
        weights: the weights that the sweep starts from; None to train the baseline.
        has_gpu: whether this machine has a GPU.
    """
    lines = [
        ("", "Written by `prunesweep init`. docs/sweep-files.md explains every key."),
        ("", f"Data: {data.describe()}"),
        (f"name: {name}", "in the store; results do not depend on it"),
        *_dataset_lines(data),
        ("seeds: [0]", "[0, 1, 2] repeats everything, and gives intervals over seeds"),
        *(_training_lines(data) if weights is None else _weights_lines(weights)),
        *_adjustment_lines(data, weights),
        *_axes_lines(data, weights),
        ("control: true", "also adjust the unpruned network: the difference is the effect of pruning"),
        *_attack_lines(data),
        *_resource_lines(has_gpu),
    ]
    return "".join(f"{_with_comment(text, comment)}\n" for text, comment in lines)


def batch_size_for(data: FoundData) -> int:
    """Return a batch size for a data set: small if it has few images, so that an epoch has enough updates."""
    largest = LARGE_BATCH if data.side <= SMALL_SIDE else LARGE_IMAGE_BATCH
    suggested = next((size for images, size in BATCH_SIZES.items() if data.train_images < images), largest)
    return min(suggested, largest)


def epochs_for(data: FoundData) -> int:
    """Return a number of epochs in which a baseline is trained for about ``UPDATES`` updates."""
    epochs = round(UPDATES * batch_size_for(data) / data.train_images)
    return min(max(epochs, FEWEST_EPOCHS), MOST_EPOCHS)


def _dataset_lines(data: FoundData) -> Iterator[Line]:
    settings = dict(data.settings)
    yield "dataset:", ""
    yield f"  name: {settings.pop('name')}", _reader_comment(data)
    for key, value in settings.items():
        yield f"  {key}: {flow_text(value)}", _dataset_comment(key, data)
    if data.train_images > MANY_IMAGES:
        yield "  # train_limit: 10000", "fewer images, evenly over the classes, for a first look"
        yield "  # test_limit: 2000", ""


def _reader_comment(data: FoundData) -> str:
    if data.is_streamed:
        return "reads images when they are needed, and cuts a square out of each"
    return f"reads all images into memory: {max(1, data.bytes // 2**20):,} MiB"


def _dataset_comment(key: str, data: FoundData) -> str:
    comments = {
        "train": f"{counted(data.train_images, 'image')}; paths are relative to where prunesweep runs",
        "test": f"{counted(data.test_images, 'image')}: half to choose networks, half to report the chosen ones",
        "root": "the folder above that of the files; paths are relative to where prunesweep runs",
        "download": "if the files are not there yet",
        "size": "pixels of the side that networks see",
        "resize": "pixels of the shorter side, of which the centre is cut out",
    }
    return comments[key]


def _training_lines(data: FoundData) -> Iterator[Line]:
    batch_size = batch_size_for(data)
    epochs = epochs_for(data)
    updates = round(epochs * data.train_images / batch_size, -2)
    yield "baseline:", "the unpruned network; `init --from` takes a weights file instead"
    yield f"  epochs: {epochs}", f"about {updates:,.0f} updates: enough for a first look, few for a final result"
    yield (
        f"  batch_size: {batch_size}",
        "small enough for many updates per epoch" if batch_size < LARGE_BATCH else "as usual",
    )
    yield f"  learning_rate: {_rate(0.1, batch_size)}", "0.1 for batches of 128, and in proportion"
    if data.settings["name"] not in ("digits", "cifar10", "cifar100"):
        yield "  # flip: false", "if mirrored images change their class, as letters do"


def _weights_lines(weights: FoundWeights) -> Iterator[Line]:
    yield "baseline:", "the unpruned network is not trained here"
    of_classes = f"a {weights.architecture} for {counted(weights.classes, 'class', 'classes')}"
    yield f"  weights: {flow_text(weights.weights)}", of_classes
    if weights.epochs is not None:
        yield f"  epochs: {weights.epochs}", "how long it was trained, which scratch_e and scratch_b need to know"
    else:
        yield "  # epochs: 200", "how long it was trained; only scratch_e and scratch_b need to know"
    yield from _normalisation_lines(weights)


def _normalisation_lines(weights: FoundWeights) -> Iterator[Line]:
    """Yield what each usual normalisation gives, and the mean and the standard deviation of the best one."""
    if not weights.normalisations:
        return
    yield "", f"  The file does not say how images are normalised. On {weights.images} training images:"
    for found in weights.normalisations:
        default = "" if found.values is not None else " (the default)"
        yield "", f"    {found.name}{default}: loss {found.loss:.2g}, {found.accuracy:.1%} right"
    best = weights.normalisations[0]
    if best.values is not None:
        mean, std = (flow_text(list(values)) for values in best.values)
        yield f"  mean: {mean}", best.name
        yield f"  std: {std}", ""


def _adjustment_lines(data: FoundData, weights: FoundWeights | None) -> Iterator[Line]:
    batch_size = batch_size_for(data)
    rate = _rate(0.01 if weights is None else 0.001, batch_size)
    yield "adjustment:", "what follows each removal"
    yield f"  epochs: {max(1, epochs_for(data) // 3)}", "of fine-tuning"
    yield f"  batch_size: {batch_size}", "as for the baseline" if weights is None else "for this number of images"
    yield (
        f"  learning_rate: {rate}",
        "a tenth of the baseline's" if weights is None else "low, because the network is trained already",
    )


def _axes_lines(data: FoundData, weights: FoundWeights | None) -> Iterator[Line]:
    is_small = data.side <= SMALL_SIDE
    architecture = weights.architecture if weights is not None else "resnet20" if is_small else "resnet50"
    others = "resnet56, vgg16 and mobilenet_v2 are for such images too" if is_small else "for images of this size"
    has_blocks = architecture != "vgg16"
    yield "axes:", "each value is combined with all values of the other axes"
    yield f"  architecture: {architecture}", others if weights is None else "that of the weights"
    yield (
        f"  structure: {'[filters, layers]' if has_blocks else 'filters'}",
        "remove single filters, or whole residual blocks" if has_blocks else "a VGG has no residual blocks",
    )
    yield "  criterion: [l1, pls]", "how importance is scored: by weights, or by the classes; random is a third"
    yield "  adjustment: fine_tune", "bn_recalibrate and none take no training"
    yield (
        f"  iterations: {'[1, 2]' if is_small else 1}",
        "prune and adjust once, and once more" if is_small else "prune and adjust once",
    )
    yield "  ratio: 0.1", "the share of the filters or blocks that each iteration removes"


def _attack_lines(data: FoundData) -> Iterator[Line]:
    yield "attacks:", "robustness is the mean over these at their headlines"
    yield "  fgsm: {epsilons: [2/255, 8/255]}", "one step along the gradient; the headline is 8/255"
    yield (
        f"  occlusion: {{sides: [{data.side // 4}, {data.side // 2}]}}",
        "a black square of a quarter and of half the side, which is the headline",
    )
    yield "  corruptions: {severities: [5]}", "15 kinds of noise, blur, weather and digital artefacts"


def _resource_lines(has_gpu: bool) -> Iterator[Line]:
    if has_gpu:
        yield "resources: {cpu: 2, gpu: auto}", "per trial; a short measurement finds how many trials share a GPU"
    else:
        yield (
            "resources: {cpu: 1, gpu: 0}",
            "per trial, as no GPU was found; cpu, its threads, is part of the keys",
        )


def _rate(at_128: float, batch_size: int) -> str:
    """Return a learning rate in proportion to the batch size, as a short decimal."""
    return f"{at_128 * batch_size / 128:.2g}"


def _with_comment(text: str, comment: str) -> str:
    if not text or not comment:
        return text or f"# {comment}"
    return f"{text:<{COMMENT_COLUMN}}# {comment}" if len(text) < COMMENT_COLUMN else f"{text}  # {comment}"
