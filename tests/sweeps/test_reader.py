"""Reading sweep files: what is accepted, and the one-line error for each mistake."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prunesweep.sweeps.attacks import CORRUPTION_KINDS
from prunesweep.sweeps.catalogue import ADJUSTMENTS, ARCHITECTURES, ATTACKS, CRITERIA, DATASETS
from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.reader import built_in_sweeps, find_sweep, parse_sweep, read_sweep, sweep_text
from tests.helpers.built_in import overrides_of

SWEEP = """\
name: tiny
dataset: {name: digits, size: 16}
seeds: [0, 1]
baseline:
  epochs: 2
  learning_rate: 1e-1
adjustment: {epochs: 1}
pruning: {quota: global}
axes:
  - architecture: [resnet20]
    criterion: [l1]
    ratio: [1/10]
attacks:
  fgsm: {epsilons: [8/255]}
precision: fp32
resources: {cpu: 1}
"""


def sweep_with(line: int, text: str) -> str:
    """Return ``SWEEP`` with one line, counted from 1, replaced by another text."""
    lines = SWEEP.splitlines()
    lines[line - 1] = text
    return "\n".join(lines)


def error_of(text: str, overrides: Sequence[str] = ()) -> str:
    """Return the error message of an invalid sweep, which must be one line."""
    with pytest.raises(SweepError) as refused:
        parse_sweep(text, overrides, source="tiny.yaml")
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    return message


def test_a_sweep_is_read() -> None:
    sweep = parse_sweep(SWEEP)
    assert (sweep.name, sweep.dataset.name, sweep.seeds) == ("tiny", "digits", (0, 1))
    assert (sweep.baseline.learning_rate, sweep.axes[0].ratio) == (0.1, (0.1,))
    assert list(sweep.attacks.chosen()) == ["fgsm"]


# Mistakes in the file: the number and text of the wrong line, the key in the message, and further parts of the message.
TOP = ", ".join(Sweep.model_fields)
MISTAKES = [
    # unknown and misspelt keys, at every level
    (3, "sedes: [0]", "sedes", "'sedes' is not a key here; did you mean 'seeds'?", f"Allowed: {TOP}"),
    (2, "dataset: {name: digits, siz: 8}", "dataset.siz", "did you mean 'size'?", "Allowed: name, train_limit"),
    (2, "dataset: {name: cifar10, rot: a}", "dataset.rot", "did you mean 'root'?", "root, download"),
    (6, "  lerning_rate: 0.1", "baseline.lerning_rate", "did you mean 'learning_rate'?", "epochs, batch_size"),
    (7, "adjustment: {epoch: 1}", "adjustment.epoch", "did you mean 'epochs'?", "rewind_epoch"),
    (8, "pruning: {qota: global}", "pruning.qota", "did you mean 'quota'?", "quota, blocks, scoring_images"),
    (12, "    rato: 0.1", "axes.0.rato", "did you mean 'ratio'?", "architecture, structure, criterion"),
    (10, "  - architectur: vgg16", "axes.0.architectur", "did you mean 'architecture'?", "(and 1 more mistake)"),
    (14, "  fgms: {}", "attacks.fgms", "did you mean 'fgsm'?", f"Allowed: {', '.join(ATTACKS)}"),
    (14, "  fgsm: {epsilon: [8/255]}", "attacks.fgsm.epsilon", "did you mean 'epsilons'?", "epsilons, headline"),
    (16, "resources: {cpus: 1}", "resources.cpus", "did you mean 'cpu'?", "Allowed: cpu, gpu, workers"),
    # unknown and misspelt names
    (2, "dataset: {name: digit}", "dataset", "'digit' is not a data set; did you mean 'digits'?", ", ".join(DATASETS)),
    (2, "dataset: {size: 16}", "dataset", "give its name, for example name: digits"),
    (10, "  - architecture: resnet57", "axes.0.architecture", "did you mean 'resnet5", ", ".join(ARCHITECTURES)),
    (11, "    structure: [filter]", "axes.0.structure", "did you mean 'filters'?", "Allowed: filters, layers, both"),
    (11, "    structure: none", "axes.0.structure", "'none' is not a structure", "Allowed: filters, layers, both"),
    (11, "    criterion: [l1, l2]", "axes.0.criterion", "did you mean 'l1'?", f"Allowed: {', '.join(CRITERIA)}"),
    (11, "    adjustment: finetune", "axes.0.adjustment", "did you mean 'fine_tune'?", ", ".join(ADJUSTMENTS)),
    (6, "  schedule: cosin", "baseline.schedule", "did you mean 'cosine'?", "Allowed: cosine, step, constant"),
    (8, "pruning: {quota: globl}", "pruning.quota", "did you mean 'global'?", "Allowed: global, per_layer"),
    (14, "  corruptions: {headline: all}", "attacks.corruptions.headline", "a severity from 1 to 5, or mean"),
    (14, "  corruptions: {source: cifar_c}", "attacks.corruptions.source", "'cifar10_c'?", "imagenet_c"),
    (14, "  corruptions: {kinds: [fogg]}", "attacks.corruptions.kinds.0", "'fog'?", ", ".join(CORRUPTION_KINDS)),
    (15, "precision: fp16", "precision", "did you mean 'bf16'?", "Allowed: fp32, bf16"),
    (15, "search: tpe", "search", "'tpe' is not allowed here.", "Allowed: grid"),
    # wrong types
    (1, "name: 3", "name", "should be a word, not 3"),
    (2, "dataset: digits", "dataset", "should be a block of keys, not 'digits'"),
    (2, "dataset: {name: cifar10, download: maybe}", "dataset.download", "should be true or false, not 'maybe'"),
    (5, "  epochs: 2.5", "baseline.epochs", "should be a whole number, not 2.5"),
    (5, "  epochs: '2'", "baseline.epochs", "should be a whole number, not '2'"),
    (5, "  epochs: true", "baseline.epochs", "should be a whole number, not True"),
    (6, "  learning_rate: fast", "baseline.learning_rate", "'fast' is not a number; write it like 0.1, 1e-3 or 8/255"),
    (6, "  learning_rate: 1/0", "baseline.learning_rate", "'1/0' divides by zero"),
    (6, "  learning_rate: 1e999", "baseline.learning_rate", "finite number"),
    (6, "  mean: [0.5, 0.5]", "baseline.mean", "has too few values: [0.5, 0.5]"),
    (6, "  mean: [0, 0, 0, 0]", "baseline.mean", "takes 3 values, not 4"),
    (7, "adjustment: 3", "adjustment", "should be a block of keys, not 3"),
    (11, "    criterion: [3]", "axes.0.criterion.0", "should be a word, not 3"),
    (14, "  fgsm: {epsilons: 8/255}", "attacks.fgsm.epsilons", "should be a list, not '8/255'"),
    # attacks out of range, and ε in levels
    (14, "  fgsm: {epsilons: [8]}", "attacks.fgsm.epsilons.0", "epsilon 8 is above 1; pixels lie in [0, 1]", "8/255?"),
    (14, "  pgd: {headline: 300}", "attacks.pgd.headline", "epsilon 300 is above 1; pixels lie in [0, 1]"),
    (14, "  pgd: {step_size: 2}", "attacks.pgd.step_size", "did you mean 2/255?"),
    (14, "  square: {epsilons: [0]}", "attacks.square.epsilons.0", "greater than 0, not 0"),
    (14, "  pgd: {steps: 0}", "attacks.pgd.steps", "greater than or equal to 1, not 0"),
    (14, "  pgd: {steps: 10001}", "attacks.pgd.steps", "less than or equal to 10000, not 10001"),
    (14, "  pgd: {restarts: 0}", "attacks.pgd.restarts", "greater than or equal to 1, not 0"),
    (14, "  pgd: {loss: dlr}", "attacks.pgd.loss", "Allowed: cross_entropy, margin"),
    (
        14,
        "  pgd: {random_start: false, restarts: 2}",
        "attacks.pgd",
        "without a random start all restarts are the same",
    ),
    (14, "  square: {queries: 0}", "attacks.square.queries", "greater than or equal to 1, not 0"),
    (14, "  autoattack: {version: rand}", "attacks.autoattack.version", "Allowed: standard, plus"),
    (14, "  autoattack: {batch: 0}", "attacks.autoattack.batch", "greater than or equal to 1, not 0"),
    # empty, out of range, missing
    (3, "seeds: []", "seeds", "is empty; give at least one value"),
    (3, "seeds: -1", "seeds", "greater than or equal to 0, not -1"),
    (11, "    criterion: []", "axes.0.criterion", "is empty; give at least one value"),
    (12, "    ratio: 0", "axes.0.ratio", "greater than 0, not 0"),
    (12, "    ratio: [0.1, 1]", "axes.0.ratio.1", "less than 1, not 1"),
    (12, "    iterations: -1", "axes.0.iterations", "greater than or equal to 0, not -1"),
    (2, "dataset: {name: digits, size: 8}", "dataset.size", "greater than or equal to 16, not 8"),
    (2, "dataset: {name: image_parquet, test: a}", "dataset.train", "is not set", "--set dataset.train=…"),
    (10, "  - structure: [filters]", "axes.0.architecture", "is not set", "--set axes.0.architecture=…"),
    (1, "name: my sweep", "name", "'my sweep' may contain only letters, digits, '-' and '_' (at most 64)"),
    (1, f"name: {'x' * 65}", "name", "may contain only"),
    (16, "resources: {gpu: 1.5}", "resources.gpu", "a share of a GPU is at most 1"),
    (16, "resources: {gpu: automatic}", "resources.gpu", "did you mean 'auto'?"),
    # keys that occur twice, are not words, or refer to a block that contains them
    (15, "name: again", "name", "the key occurs twice"),
    (14, "  fgsm: {headline: 8/255, headline: 8/255}", "attacks.fgsm.headline", "the key occurs twice"),
    (15, "1: 2", "1", "a key must be a word"),
    (8, "pruning: &p {quota: *p}", "pruning.quota", "refers to a block that contains it"),
]


@pytest.mark.parametrize(("line", "text", "key", "said"), [(a, b, c, d) for a, b, c, *d in MISTAKES])
def test_a_mistake_is_one_line_with_its_line_number_key_and_remedy(
    line: int, text: str, key: str, said: list[str]
) -> None:
    message = error_of(sweep_with(line, text))
    assert message.startswith(f"tiny.yaml:{line}: {key}: ")
    for words in said:
        assert words in message


@pytest.mark.parametrize(
    ("line", "text", "at", "said"),
    [
        (5, "  momentum: 0.8", 4, "baseline: give baseline.epochs (1 or more) to train it"),
        (6, "  momentum: 0", 4, "baseline: nesterov needs a momentum above 0; set nesterov: false"),
        (
            2,
            "dataset: {name: imagenet, train: a, test: b, resize: 200}",
            2,
            "dataset.resize: 200 is below size (224), the side of the square that is cut out",
        ),
        (6, "  mean: [0, 0, 0]", 4, "baseline: mean and std are given together or not at all"),
        (6, "  mean: [0, 0, 0]\n  std: [1, 0, 1]", 4, "baseline: std must be above 0"),
        (14, "  fgsm: {headline: 0.3}", 14, "attacks.fgsm: headline 0.3 is not among the epsilons"),
        (14, "  occlusion: {sides: [2, 4], headline: 8}", 14, "attacks.occlusion: headline 8 is not among the sides"),
        (14, "  corruptions: {severities: [1, 2]}", 14, "attacks.corruptions: headline 5 is not among the severities"),
        (14, "  corruptions: {headline: 6}", 14, "attacks.corruptions.headline: 6 is not a headline of corruptions"),
        (14, "  corruptions: {headline: true}", 14, "attacks.corruptions.headline: True is not a headline"),
        (14, "  corruptions: {source: cifar10_c}", 14, "attacks.corruptions: source cifar10_c needs root: the folder"),
        (14, "  corruptions: {root: data}", 14, "attacks.corruptions: root is for official files; also set source: "),
    ],
)
def test_incompatible_settings_of_one_block_are_refused(line: int, text: str, at: int, said: str) -> None:
    assert error_of(sweep_with(line, text)).startswith(f"tiny.yaml:{at}: {said}")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["adjustment.epochs=null"], "adjustment.epochs: fine_tune needs it"),
        (["axes.0.adjustment=winning_ticket"], "adjustment.rewind_epoch: winning_ticket needs it"),
        (
            ["dataset={name: imagenet, train: a, test: b}", "adjustment.crop_padding=4"],
            "adjustment.crop_padding: imagenet trains on crops of random size without padding; leave it out",
        ),
        (
            ["axes.0.adjustment=winning_ticket", "adjustment.rewind_epoch=2"],
            "adjustment.rewind_epoch: 2 is not below baseline.epochs (2)",
        ),
    ],
)
def test_incompatible_settings_of_two_blocks_are_refused(overrides: list[str], said: str) -> None:
    assert said in error_of(SWEEP, overrides)


@pytest.mark.parametrize(
    ("line", "text", "at", "said"),
    [
        (3, "seeds: [0, 1", 4, "not YAML"),
        (3, "seeds: 0: 1", 3, "mapping values are not allowed here"),
        (3, "\tseeds: 0", 3, "cannot start any token"),
        (3, "seeds: *unknown", 3, "undefined alias"),
        (3, "seeds: !!python/object/apply:os.getcwd []", 3, "could not determine a constructor"),
        (3, "? [0, 1]\n: 2", 3, "unhashable key"),
        (3, 'seeds: [!!int ""]', 3, "'' is not a whole number"),
        (3, "seeds: [!!int 1_000]", 3, "'1_000' is not a whole number"),
        (6, "  learning_rate: !!float 1:30", 6, "'1:30' is not a number"),
    ],
)
def test_broken_yaml_is_one_line_with_its_line_number(line: int, text: str, at: int, said: str) -> None:
    message = error_of(sweep_with(line, text))
    assert message.startswith(f"tiny.yaml:{at}: not YAML: ")
    assert said in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "a sweep is a mapping of keys"),
        ("- name: tiny", "a sweep is a mapping of keys"),
        ("name: \x00", "not YAML: unacceptable character"),
        ("control: !!bool x", "not YAML: "),
        ("name: !!timestamp x", "not YAML: "),
        (f"seeds: [{'9' * 5000}]", "not YAML: "),
    ],
)
def test_a_text_that_is_not_a_sweep_is_refused(text: str, said: str) -> None:
    message = error_of(text)
    assert message.startswith("tiny.yaml: ")
    assert said in message


def test_the_message_counts_further_mistakes() -> None:
    assert error_of(SWEEP, ["precision=fp8", "seeds=-1"]).endswith("(and 1 more mistake)")
    assert "more mistake" not in error_of(SWEEP, ["attacks.fgsm.epsilons=[9]"])


# Overrides


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("axes.0.criterion=l2", "'l2' is not a criterion; did you mean 'l1'? Allowed: l1, exp"),
        ("baseline.lr=1", "'lr' is not a key here"),
        ("seeds=[0, -1]", "seeds.1: input should be greater than or equal to 0, not -1"),
        ("axes.0.ratio=[]", "is empty; give at least one value"),
        ("adjustment.epochs=null", "fine_tune needs it: how many epochs to train after pruning"),
        ("axes={architecture: vgg17}", "axes.architecture: 'vgg17' is not an architecture; did you mean 'vgg16'?"),
        ("attacks.fgsm={epsilons: [2/255, 4/255]}", "headline 8/255 is not among the epsilons"),
        ("training.epochs=3", "training: 'training' is not a key here"),
        ("axes.criterion=l1", "axes is a list of 1 item; give the number of one, such as axes.0.criterion"),
        ("axes.1.criterion=l1", "axes is a list of 1 item, counted from 0"),
        ("precision.0=fp32", "precision is not a list"),
        ("baseline.0=3", "baseline is not a list"),
        ("name.first=x", "name is a value without keys"),
        ("seeds=[", "'[' is not a YAML value"),
        ("name=!!timestamp x", "'!!timestamp x' is not a YAML value"),
        ("dataset={name: digits, name: cifar10}", "name: the key occurs twice"),
        ("attacks={fgsm: {1: 2}}", "fgsm.1: a key must be a word, not a number or another value"),
    ],
)
def test_a_mistake_in_an_override_names_the_override(override: str, said: str) -> None:
    message = error_of(SWEEP, [override])
    assert message.startswith(f"--set {override.partition('=')[0]}: {said}")


@pytest.mark.parametrize("override", ["seeds", "=3", ""])
def test_an_override_without_key_or_value_says_how_to_write_it(override: str) -> None:
    assert "write it as key=value" in error_of(SWEEP, [override])


def test_overrides_set_values_lists_blocks_and_grids() -> None:
    sweep = parse_sweep(
        SWEEP,
        [
            "seeds=[3, 4]",
            "baseline.learning_rate=5e-2",
            "axes.0.criterion=[l1, pls]",
            "axes.0.ratio=0.2",
            "attacks.occlusion={sides: [8]}",
            "attacks.occlusion.headline=8",
            "control=false",
        ],
    )
    assert (sweep.seeds, sweep.baseline.learning_rate, sweep.control) == ((3, 4), 0.05, False)
    assert (sweep.axes[0].criterion, sweep.axes[0].ratio) == (("l1", "pls"), (0.2,))
    assert list(sweep.attacks.chosen()) == ["fgsm", "occlusion"]


def test_an_override_replaces_all_grids() -> None:
    sweep = parse_sweep(SWEEP, ["axes=[{architecture: vgg16}, {architecture: resnet20, iterations: [1, 2]}]"])
    assert [grid.architecture for grid in sweep.axes] == [("vgg16",), ("resnet20",)]
    assert sweep.axes[1].iterations == (1, 2)


def test_the_last_override_of_a_key_holds() -> None:
    assert parse_sweep(SWEEP, ["seeds=1", "seeds=2"]).seeds == (2,)


def test_one_value_or_one_grid_needs_no_list() -> None:
    sweep = parse_sweep(SWEEP, ["axes={architecture: resnet20, criterion: pls, ratio: 1/8, iterations: 2}"])
    assert (sweep.axes[0].criterion, sweep.axes[0].ratio, sweep.axes[0].iterations) == (("pls",), (0.125,), (2,))


def test_null_and_the_name_none_are_the_same_adjustment() -> None:
    assert parse_sweep(SWEEP, ["axes.0.adjustment=null"]) == parse_sweep(SWEEP, ["axes.0.adjustment=none"])


def test_an_attack_without_settings_has_its_defaults() -> None:
    named = parse_sweep(SWEEP, ["attacks={corruptions: }"]).attacks.chosen()
    assert list(named) == ["corruptions"]
    assert named == parse_sweep(SWEEP, ["attacks={corruptions: {}}"]).attacks.chosen()


# Files


@pytest.mark.parametrize("name", built_in_sweeps())
def test_the_built_in_sweeps_are_read_under_their_own_names(name: str, tmp_path: Path) -> None:
    assert read_sweep(name, overrides_of(name, tmp_path)).name == name.replace("/", "_")


def test_a_path_is_read_and_named_in_messages(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SWEEP)
    assert read_sweep(str(path)).name == "tiny"
    path.write_text(sweep_with(3, "seed: 1"))
    with pytest.raises(SweepError, match=r"^mine\.yaml:3: seed: "):
        read_sweep(str(path))


def test_an_unknown_sweep_is_refused_with_the_nearest_name_and_all_names() -> None:
    with pytest.raises(SweepError, match=r"quickstar: no such sweep file; did you mean 'quickstart'\? Built in: .*qu"):
        find_sweep("quickstar")
    with pytest.raises(SweepError, match=r"^xyz\.yml: no such sweep file\. Built in: "):
        find_sweep("xyz.yml")


def test_a_binary_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "image.yaml"
    path.write_bytes(b"\x89PNG\xff")
    with pytest.raises(SweepError, match=r"image\.yaml: cannot be read: [^\n]*$"):
        read_sweep(str(path))


# A mapping instead of a file

MAPPING: dict[str, Any] = {
    "name": "mapping",
    "dataset": {"name": "image_folder", "train": Path("data") / "train", "test": "data/test"},
    "seeds": range(2),
    "baseline": {"epochs": np.int64(3), "learning_rate": np.float32(0.5)},
    "adjustment": {"epochs": 1},
    "axes": ({"architecture": "resnet20", "ratio": [Fraction(1, 4), "1/5"], "iterations": (0, 1)},),
    "control": np.bool_(False),
    "attacks": {"fgsm": None},
}


def test_a_mapping_is_read_as_a_file_with_the_same_contents() -> None:
    read = read_sweep(MAPPING, ["seeds=[4]"])
    assert read.dataset.model_dump()["train"] == str(Path("data") / "train")
    assert (read.baseline.epochs, read.baseline.learning_rate, read.seeds) == (3, 0.5, (4,))
    assert (read.axes[0].ratio, read.axes[0].iterations, read.control) == ((0.25, 0.2), (0, 1), False)
    assert read_sweep(MAPPING) == parse_sweep(sweep_text(MAPPING))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"axes": {"architecture": "resnet21"}}, "sweep: axes.architecture: 'resnet21' is not an architecture"),
        ({"name": object}, "sweep: <class 'object'> is not a word, number, list or mapping"),
        ({1: 2}, "sweep: 1: a key must be a word, not a number or another value"),
        ({"baselin": {}}, "sweep: baselin: 'baselin' is not a key here; did you mean 'baseline'?"),
    ],
)
def test_a_mistake_in_a_mapping_is_one_line_without_a_line_number(change: dict[Any, Any], said: str) -> None:
    with pytest.raises(SweepError) as refused:
        read_sweep({**MAPPING, **change})
    assert str(refused.value).startswith(said) and "\n" not in str(refused.value)
