"""The schema of the tables: every column with its type, its unit and what it means.

``SCHEMA_VERSION`` rises when a column changes its meaning or goes; a new column does not raise it. A store of a newer
version is refused, older ones stay readable, because the tables are made anew from the results.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from prunesweep.sweeps.catalogue import ATTACKS

SCHEMA_VERSION = 1
HALVES = ("", "_selection", "_report")
GAINS = ("gain", "gain_over_control")
# What gains are taken of: a trial's accuracies.
ACCURACIES = ("generalization", "robustness", *(f"robustness_{attack}" for attack in ATTACKS))


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: pa.DataType
    unit: str
    meaning: str

    def field(self) -> pa.Field:
        return pa.field(self.name, self.type, metadata={"unit": self.unit, "meaning": self.meaning})


def _text(name: str, meaning: str) -> Column:
    return Column(name, pa.string(), "", meaning)


def _flag(name: str, meaning: str) -> Column:
    return Column(name, pa.bool_(), "", meaning)


def _count(name: str, unit: str, meaning: str) -> Column:
    return Column(name, pa.int64(), unit, meaning)


def _real(name: str, unit: str, meaning: str) -> Column:
    return Column(name, pa.float64(), unit, meaning)


_SETTINGS = (
    _text("dataset", "name of the data set"),
    _text("architecture", "name of the architecture"),
    _text("recipe", "how the baseline was trained: plain, a defence's recipe, or a published network's name"),
    _text("structure", "what was removed: filters, layers, both; none for baselines and controls"),
    _text("criterion", "what scored the structures; none for baselines and controls"),
    _text("adjustment", "how parameters were adjusted after pruning; none for baselines"),
    _count("iterations", "rounds", "rounds of score, remove, adjust since the baseline, which has 0"),
    _real("ratio", "share", "share of the structures removed in each round"),
    _count("seed", "", "seed of the trial"),
)
SWEEPS = "sweeps"  # the one column of ``trials`` that no result tells


def _training(whose: str, prefix: str = "") -> tuple[Column, ...]:
    """The settings of one training."""
    return (
        _count(f"{prefix}batch_size", "images", f"in a batch of {whose} training; null where nothing was trained"),
        _real(f"{prefix}learning_rate", "", f"of {whose} training, at its start or after the warm-up"),
        _real(f"{prefix}momentum", "", f"of SGD in {whose} training"),
        _flag(f"{prefix}nesterov", f"whether the momentum of {whose} training is Nesterov's"),
        _real(f"{prefix}weight_decay", "", f"in {whose} training"),
        _text(f"{prefix}schedule", f"of the learning rate in {whose} training: cosine, step or constant"),
        _count(f"{prefix}warmup_epochs", "epochs", f"over which the learning rate rises in {whose} training"),
        _text(f"{prefix}step_at", f"where a step schedule steps, as shares of the epochs of {whose} training"),
        _real(f"{prefix}step_factor", "", f"by which a step multiplies the learning rate of {whose} training"),
        _real(f"{prefix}label_smoothing", "share", f"of the label that {whose} training spreads over all classes"),
        _count(
            f"{prefix}crop_padding", "pixels", f"around an image in {whose} training; null for an eighth of its side"
        ),
        _flag(f"{prefix}flip", f"whether {whose} training mirrors images at random"),
    )


_SETTING = (
    _text("setting_key", "names all that is in the trial's key but the seed; only trials that share it are averaged"),
    _text(SWEEPS, "the sweeps that asked for the trial, with commas between; null where none tells"),
    _text("train_fingerprint", "the training images"),
    _text("precision", "of training: fp32 or bf16"),
    _count("threads", "", "that the trial computes with"),
    _text("quota", "whether filters are ranked over all layers (global) or within each (per_layer)"),
    _count("blocks", "blocks", "that go in one round; null where the ratio says how many"),
    _count("scoring_images", "images", "that the criterion looked at"),
    _count("rewind_epoch", "epochs", "of the baseline's training that the winning ticket went back to"),
    _text("adjustment_recipe", "by which the parameters were adjusted; null where nothing was trained"),
    *_training("this round's"),
    _flag("dynamics", "whether the dynamics of training were recorded"),
    _text("baseline_weights", "SHA-256 of the weights file that the baseline is; null where it was trained"),
    _text("baseline_mean", "by which images are normalised, where the sweep or the weights say so"),
    _text("baseline_std", "likewise"),
    _text("baseline_adversarial", "the attack that the baseline was trained with; null without the recipe adversarial"),
    _count("baseline_epochs", "epochs", "that the baseline was trained"),
    *_training("the baseline's", "baseline_"),
)
_KEYS = (
    _text("trial_key", "names the trial and its network"),
    _text("parent_key", "the trial one iteration earlier; null for a baseline"),
    _text("baseline_key", "the unpruned network that the trial descends from"),
    _text(
        "control_key",
        "the unpruned network adjusted as this one was, with adjustment none the baseline; null for baselines and "
        "controls",
    ),
    _text("plain_key", "the plain baseline that this one's is a defence beside; null where that is plain"),
)
_COST = (
    _text("robustness_definition", "what robustness is the mean of; unequal ones are never ranked together"),
    _text("test_fingerprint", "the test images of the accuracies"),
    _real("logit_margin", "logits", "mean of the true class's logit minus the largest other, clean images"),
    _real("vanishing_gradients", "share", "clean images whose loss has no input gradient in fp32"),
    _real("corruption_accuracy", "share", "mean over all kinds and severities of corruption that were run"),
    _real("mce", "%", "mean corruption error on ImageNet-C, of AlexNet's errors; null elsewhere"),
    _real("relative_mce", "%", "the same of what corruptions add to the clean error"),
    _count("parameters", "", "parameters of the network"),
    _count("flops", "operations", "of one image; a multiply-add counts as two"),
    _count("filters_asked", "filters", "that were to go since the baseline"),
    _count("filters_removed", "filters", "that are gone since the baseline, without those of removed blocks"),
    _count("blocks_asked", "blocks", "that were to go since the baseline"),
    _count("blocks_removed", "blocks", "that are gone since the baseline"),
    _count("single_filter_layers", "layers", "convolutions that pruning left with a single filter"),
    _count("epochs", "epochs", "trained in this round"),
    _count("epochs_total", "epochs", "trained in this round and all before it"),
    _real("seconds", "s", "this round and its evaluations took"),
    _text("device", "kind of device that made the network"),
    _text("error", "why the trial failed; null where it did not"),
    _text("failed_ancestor", "the trial that this one could not be done without; null where it failed itself"),
)


def _accuracies() -> Iterator[Column]:
    meanings = {
        "generalization": "accuracy on clean test images",
        "robustness": "mean over the attacks of the accuracy at their headline severity",
    }
    halves = {"": "all test images", "_selection": "selection half", "_report": "report half"}
    for name in ACCURACIES:
        meaning = meanings.get(name, f"accuracy under {name.removeprefix('robustness_')}, headline severity")
        for half, images in halves.items():
            yield _real(f"{name}{half}", "share", f"{meaning}; {images}")


def _gains() -> Iterator[Column]:
    over = {"gain": "the baseline (of a defended baseline: the plain one)", "gain_over_control": "the control"}
    for name in ACCURACIES:
        for gain in GAINS:
            for half in HALVES:
                yield _real(f"{name}_{gain}{half}", "p.p.", f"{name}{half} minus that of {over[gain]}")


TRIALS = (*_KEYS, *_SETTINGS, *_accuracies(), *_gains(), *_COST, *_SETTING)
ATTACK_ROWS = (
    _text("trial_key", "the attacked network"),
    _text("attack", "name of the attack; clean for none"),
    _text("kind", "kind of the attack, for example of corruption; the attack's name where it has one kind"),
    _real("severity", "ε in [0, 1]; side in pixels; 1 to 5", "how hard; 0 for clean"),
    _count("correct", "images", "classified rightly"),
    _count("total", "images", "all test images, also those that the network gets wrong unattacked"),
    _real("accuracy", "share", "correct / total"),
    *(
        _count(f"{name}{half}", "images", f"{name} in the {half.removeprefix('_')} half")
        for half in HALVES[1:]
        for name in ("correct", "total")
    ),
    _text("source", "where the attacked images come from, where there is a choice"),
    _text("test_fingerprint", "the test images"),
)
HISTORY = (
    _text("trial_key", "the trained network"),
    _count("epoch", "epochs", "of this round's training; a winning ticket's begin after the one it goes back to"),
    _real("loss", "nats", "mean training loss of the epoch"),
    _real("accuracy", "share", "of the training images as they were shown"),
    _real("learning_rate", "", "at the end of the epoch"),
    _real("seconds", "s", "the epoch took"),
    _real("gradient_confusion", "", "lowest cosine between two training batches' gradients; null if not asked for"),
    _real("layer_rotation", "", "cosine distance of the last convolution from where training began; null likewise"),
)
TRANSFER = (
    _text("source_key", "the network that images were crafted on"),
    _text("target_key", "the network that was shown them"),
    _text("attack", "name of the attack"),
    _real("severity", "ε in [0, 1]", "how hard"),
    _count("correct", "images", "that the target classifies rightly"),
    _count("total", "images", "all test images"),
    _real("accuracy", "share", "correct / total"),
    _text("headline", "the attack in words"),
    _text("test_fingerprint", "the test images"),
)
ELEMENTS = (
    _text("trial_key", "the network"),
    _text("structure", "filters or layers"),
    _text("module", "module path of the convolution, or of the residual block"),
    _count("element", "", "index of the filter in its convolution as it is now; 0 for a block"),
    _text("attack", "name of the attack; clean for none"),
    _real("severity", "ε in [0, 1]; side in pixels; 1 to 5", "how hard; null for all severities"),
    _count("correct", "images", "classified rightly with this element alone gone, without adjustment"),
    _count("total", "images", "attacked; an attack of several kinds counts each image once a kind"),
    _real("accuracy", "share", "correct / total"),
    _real("gain", "p.p.", "accuracy minus that of the network with every element"),
    _text("headline", "the attack in words"),
    _count("images", "images", "the first so many test images were shown"),
    _text("test_fingerprint", "the test images"),
)
VERDICTS = (
    _text("trial_key", "the network"),
    _text("baseline_key", "its baseline"),
    _text("control_key", "its control; null where it has none"),
    _text("verdict", "holds; only against FGSM; gradient masking suspected; undecided"),
    _real("gain", "p.p.", "in per-image worst-case accuracy over all attacks, over the baseline"),
    _real("lower", "p.p.", "paired 95 % lower bound of gain"),
    _real("gain_over_control", "p.p.", "gain over the control"),
    _real("lower_over_control", "p.p.", "paired 95 % lower bound of gain_over_control"),
    _count("images", "images", "that were attacked"),
    _text("alarms", "the sanity rules that are broken, with semicolons between; null where none is"),
    _count("version", "", "of the rules; only the newest version's verdicts count"),
    _text("test_fingerprint", "the test images"),
)
TABLES = {
    "trials": TRIALS,
    "attacks": ATTACK_ROWS,
    "history": HISTORY,
    "transfer": TRANSFER,
    "elements": ELEMENTS,
    "verdicts": VERDICTS,
}


def arrow_schema(table: str) -> pa.Schema:
    """The Arrow schema of one of ``TABLES``, with units and meanings as field metadata."""
    return pa.schema([column.field() for column in TABLES[table]], metadata={"schema": str(SCHEMA_VERSION)})


def as_markdown() -> str:
    """The tables in words, as ``docs/tables.md`` holds them."""
    parts = [_PREFACE.format(version=SCHEMA_VERSION)]
    for table, columns in TABLES.items():
        parts.append(f"\n## {table}\n\n")
        parts.append("| column | type | unit | meaning |\n| --- | --- | --- | --- |\n")
        parts += [f"| `{c.name}` | {c.type} | {c.unit} | {c.meaning} |\n" for c in columns]
    return "".join(parts)


_PREFACE = """# The tables

Schema version {version}. Each table is a folder below the store with one Parquet file in it, as in
`pandas.read_parquet("store/trials")`. They are views of `results/`, made anew whenever results are missing from
them; every column is always there with its type, also where no trial has a value yet. Units and meanings are in
the Parquet schema's field metadata as well. This page is what `prunesweep.results_store.schema.as_markdown()` returns.
"""
