"""The schema of the tables: the type, the unit and the meaning of every column.

``SCHEMA_VERSION`` rises when a column is removed or changes its meaning; a new column does not raise it. Stores
with a newer schema version are refused. Stores with an older one stay readable, because the tables are rebuilt from the
results.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from prunesweep.sweeps.catalogue import ATTACKS

SCHEMA_VERSION = 1
HALF_SUFFIXES = ("", "_selection", "_report")  # on all test images, the selection half, the report half
GAINS = ("gain", "gain_over_control")
# The accuracies of a trial. Each has a column per suffix, and so have its gains over the baseline and the control.
ACCURACIES = ("generalization", "robustness", *(f"robustness_{attack}" for attack in ATTACKS))


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: the name of the column, unique in its table.
        type: the Arrow type of the column.
        unit: the unit of the values; empty if they have none.
        meaning: the meaning in one line, which is stored in the Parquet schema and printed in docs/tables.md.
    """

    name: str
    type: pa.DataType
    unit: str
    meaning: str

    def field(self) -> pa.Field:
        """Return the Arrow field, with unit and meaning as its metadata."""
        return pa.field(self.name, self.type, metadata={"unit": self.unit, "meaning": self.meaning})


def _text(name: str, meaning: str) -> Column:
    return Column(name, pa.string(), "", meaning)


def _flag(name: str, meaning: str) -> Column:
    return Column(name, pa.bool_(), "", meaning)


def _count(name: str, unit: str, meaning: str) -> Column:
    return Column(name, pa.int64(), unit, meaning)


def _real(name: str, unit: str, meaning: str) -> Column:
    return Column(name, pa.float64(), unit, meaning)


_AXIS_COLUMNS = (
    _text("dataset", "name of the data set"),
    _text("architecture", "name of the architecture"),
    _text("recipe", "how the baseline was trained: plain, a defence's recipe, or a published network's name"),
    _text("structure", "the structures removed: filters, layers or both; none for baselines and controls"),
    _text("criterion", "the criterion that scored the structures; none for baselines and controls"),
    _text("adjustment", "how the parameters were adjusted after removal; none for baselines"),
    _count("iterations", "rounds", "rounds of score → remove → adjust since the baseline; 0 for the baseline"),
    _real("ratio", "share", "share of the structures removed in each round"),
    _count("seed", "", "seed of the trial"),
)
SWEEPS_COLUMN = "sweeps"  # the only column of the table ``trials`` that is in no result


def _training_columns(whose: str, prefix: str = "") -> tuple[Column, ...]:
    """Return the columns with the training settings of a trial's own round, or of its baseline.

    Args:
        whose: the words for the training in the meanings of the columns: ``this round's`` or ``the baseline's``.
        prefix: the beginning of the columns' names, such as ``baseline_``.
    """
    return (
        _count(f"{prefix}batch_size", "images", f"batch size of {whose} training; null where nothing was trained"),
        _real(f"{prefix}learning_rate", "", f"learning rate of {whose} training at its start, or after its warm-up"),
        _real(f"{prefix}momentum", "", f"momentum of SGD in {whose} training"),
        _flag(f"{prefix}nesterov", f"whether {whose} training uses Nesterov momentum"),
        _real(f"{prefix}weight_decay", "", f"weight decay of {whose} training"),
        _text(f"{prefix}schedule", f"learning rate schedule of {whose} training: cosine, step or constant"),
        _count(
            f"{prefix}warmup_epochs",
            "epochs",
            f"epochs at the start of {whose} training in which the learning rate rises from 0",
        ),
        _text(
            f"{prefix}step_at",
            f"when a step schedule changes the learning rate, as shares of the epochs of {whose} training",
        ),
        _real(
            f"{prefix}step_factor", "", f"factor by which each step multiplies the learning rate of {whose} training"
        ),
        _real(
            f"{prefix}label_smoothing", "share", f"share of each label that {whose} training spreads over all classes"
        ),
        _count(
            f"{prefix}crop_padding",
            "pixels",
            f"padding around an image before random crops in {whose} training; null for an eighth of its side "
            "(imagenet: none)",
        ),
        _flag(f"{prefix}flip", f"whether {whose} training flips images horizontally at random"),
    )


_SETTING_COLUMNS = (
    _text(
        "setting_key", "hash of all settings of the trial but the seed; only trials with the same setting are averaged"
    ),
    _text(
        SWEEPS_COLUMN, "names of the sweeps that requested the trial, separated by commas; null where none is recorded"
    ),
    _text("train_fingerprint", "fingerprint of the training images"),
    _text("precision", "precision of training: fp32 or bf16"),
    _count("threads", "", "CPU threads of the trial"),
    _text("quota", "whether filters are ranked over all layers (global) or within each layer (per_layer)"),
    _count("blocks", "blocks", "residual blocks removed in each round; null where the ratio determines their number"),
    _count("scoring_images", "images", "training images from which the criterion computed the scores"),
    _count("rewind_epoch", "epochs", "epoch of the baseline's training to which the winning ticket was rewound"),
    _text("adjustment_recipe", "training recipe of the adjustment; null where nothing was trained"),
    *_training_columns("this round's"),
    _flag("dynamics", "whether gradient_confusion and layer_rotation of the training were recorded"),
    _text(
        "baseline_weights", "SHA-256 of the weights file from which the baseline was loaded; null where it was trained"
    ),
    _text("baseline_mean", "channel means that normalise the images, where the sweep or the weights set them"),
    _text("baseline_std", "channel standard deviations that normalise the images, likewise"),
    _text("baseline_adversarial", "attack in the baseline's adversarial training; null for other recipes"),
    _count("baseline_epochs", "epochs", "epochs for which the baseline was trained"),
    *_training_columns("the baseline's", "baseline_"),
)
_KEY_COLUMNS = (
    _text("trial_key", "key of the trial and of its network"),
    _text("parent_key", "the trial one round earlier; null for baselines"),
    _text("baseline_key", "the unpruned network that the trial descends from"),
    _text(
        "control_key",
        "the unpruned network that was adjusted in the same way (for the adjustment none, the baseline); null for "
        "baselines and controls",
    ),
    _text(
        "plain_key",
        "the plain baseline with which the trial's defended baseline is compared; null where the baseline is plain",
    ),
)
_MEASUREMENT_COLUMNS = (
    _text(
        "robustness_definition",
        "attacks and headlines over which robustness is the mean; trials that differ in it are never ranked together",
    ),
    _text("test_fingerprint", "fingerprint of the test images of the accuracies"),
    _real(
        "logit_margin", "logits", "mean over the clean images of the true class's logit minus the largest other logit"
    ),
    _real(
        "vanishing_gradients", "share", "share of clean images on which the input gradient of the loss vanishes in fp32"
    ),
    _real(
        "ece",
        "share",
        "expected calibration error on clean images: mean difference of confidence and accuracy over 15 equal bins of "
        "confidence, weighted by their images; null for evaluations of older versions",
    ),
    _real("corruption_accuracy", "share", "mean accuracy over all kinds and severities of corruption that were run"),
    _real("mce", "%", "mean corruption error (mCE) on ImageNet-C, in percent of AlexNet's errors; null for other data"),
    _real("relative_mce", "%", "relative mCE: the same for the error that corruptions add to the clean error"),
    _count("parameters", "", "parameters of the network"),
    _count("flops", "operations", "floating-point operations for one image; a multiply-add counts as two"),
    _count("filters_asked", "filters", "filters to remove since the baseline, as requested"),
    _count("filters_removed", "filters", "filters removed since the baseline, without those of removed blocks"),
    _count("blocks_asked", "blocks", "residual blocks to remove since the baseline, as requested"),
    _count("blocks_removed", "blocks", "residual blocks removed since the baseline"),
    _count("single_filter_layers", "layers", "convolutions with a single filter left after pruning"),
    _count("epochs", "epochs", "epochs trained in this round"),
    _count("epochs_total", "epochs", "epochs trained in this round and all rounds before it"),
    _real("seconds", "s", "duration of this round and its evaluations"),
    _text("device", "name of the GPU on which the round ran, or cpu"),
    _text("error", "reason why the trial failed; null where it did not"),
    _text("failed_ancestor", "the ancestor whose failure made this trial impossible; null otherwise"),
)


def _accuracy_columns() -> Iterator[Column]:
    meanings = {
        "generalization": "accuracy on clean test images",
        "robustness": "mean over the attacks of the accuracy at each one's headline severity",
    }
    halves = {"": "all test images", "_selection": "selection half", "_report": "report half"}
    for name in ACCURACIES:
        meaning = meanings.get(name, f"accuracy under {name.removeprefix('robustness_')} at its headline severity")
        for half, images in halves.items():
            yield _real(f"{name}{half}", "share", f"{meaning}; {images}")


def _gain_columns() -> Iterator[Column]:
    over = {"gain": "the baseline (for a defended baseline: the plain baseline)", "gain_over_control": "the control"}
    for name in ACCURACIES:
        for gain in GAINS:
            for half in HALF_SUFFIXES:
                yield _real(f"{name}_{gain}{half}", "p.p.", f"{name}{half} minus that of {over[gain]}")


TRIAL_COLUMNS = (
    *_KEY_COLUMNS,
    *_AXIS_COLUMNS,
    *_accuracy_columns(),
    *_gain_columns(),
    *_MEASUREMENT_COLUMNS,
    *_SETTING_COLUMNS,
)
ATTACK_COLUMNS = (
    _text("trial_key", "the attacked network"),
    _text("attack", "name of the attack; clean for no attack"),
    _text("kind", "kind of the attack, for example of corruption; the attack's name if it has one kind"),
    _real("severity", "ε in [0, 1]; side in pixels; 1 to 5", "severity of the attack; 0 for clean"),
    _count("correct", "images", "correctly classified images"),
    _count("total", "images", "all test images, including those that the network misclassifies without attack"),
    _real("accuracy", "share", "correct / total"),
    *(
        _count(f"{name}{half}", "images", f"{name} in the {half.removeprefix('_')} half")
        for half in HALF_SUFFIXES[1:]
        for name in ("correct", "total")
    ),
    _text("source", "where the attacked images come from; null for attacks with one source"),
    _text("test_fingerprint", "fingerprint of the test images"),
)
HISTORY_COLUMNS = (
    _text("trial_key", "the trained network"),
    _count(
        "epoch",
        "epochs",
        "epoch of this round's training; a winning ticket's epochs start after the one to which it was rewound",
    ),
    _real("loss", "nats", "mean training loss of the epoch"),
    _real("accuracy", "share", "accuracy on the training images as augmented"),
    _real("learning_rate", "", "learning rate at the end of the epoch"),
    _real("seconds", "s", "duration of the epoch"),
    _real(
        "gradient_confusion",
        "",
        "lowest cosine similarity between two training batches' gradients; null if not requested",
    ),
    _real(
        "layer_rotation",
        "",
        "cosine distance of the last convolution's weights from those at the start; null if not requested",
    ),
)
TRANSFER_COLUMNS = (
    _text("source_key", "the network on which the images were crafted"),
    _text("target_key", "the network that classified them"),
    _text("attack", "name of the attack"),
    _real("severity", "ε in [0, 1]", "severity of the attack"),
    _count("correct", "images", "images that the target classifies correctly"),
    _count("total", "images", "all test images"),
    _real("accuracy", "share", "correct / total"),
    _text("headline", "the attack's headline"),
    _text("test_fingerprint", "fingerprint of the test images"),
)
ELEMENT_COLUMNS = (
    _text("trial_key", "the network whose elements were removed one at a time"),
    _text("structure", "structure of the elements: filters or layers"),
    _text("module", "module path of the convolution or residual block"),
    _count("element", "", "index of the filter in the convolution of this network; 0 for a block"),
    _text("attack", "name of the attack; clean for no attack"),
    _real("severity", "ε in [0, 1]; side in pixels; 1 to 5", "severity of the attack; null for all severities"),
    _count("correct", "images", "images correctly classified with this element alone removed, without adjustment"),
    _count("total", "images", "attacked images; an attack of several kinds counts each image once per kind"),
    _real("accuracy", "share", "correct / total"),
    _real("gain", "p.p.", "accuracy minus that of the network with no element removed"),
    _text("headline", "the attack's headline"),
    _count("images", "images", "number of test images on which the element was measured"),
    _text("test_fingerprint", "fingerprint of the test images"),
)
VERDICT_COLUMNS = (
    _text("trial_key", "the network whose gain in robustness was verified"),
    _text("baseline_key", "its baseline"),
    _text("control_key", "its control; null where it has none"),
    _text("verdict", "holds; only against FGSM; gradient masking suspected; undecided"),
    _real("gain", "p.p.", "gain over the baseline in per-image worst-case accuracy over all attacks"),
    _real("lower", "p.p.", "paired 95 % lower bound of gain"),
    _real("gain_over_control", "p.p.", "gain over the control, likewise"),
    _real("lower_over_control", "p.p.", "paired 95 % lower bound of gain_over_control"),
    _count("images", "images", "attacked test images"),
    _text("alarms", "broken sanity rules, separated by semicolons; null where there is none"),
    _count("version", "", "version of the rules; a verdict by newer rules replaces one by older rules"),
    _text("test_fingerprint", "fingerprint of the test images"),
)
CLASS_COLUMNS = (
    _text("trial_key", "the network that classified the clean test images"),
    _count("class", "", "number of the class"),
    _text("name", "name of the class; null if the data set does not name its classes"),
    _count("total", "images", "test images of the class"),
    _count("correct", "images", "correctly classified images of the class"),
    _real("accuracy", "share", "correct / total; null if the class has no test image"),
    *(
        column
        for half in HALF_SUFFIXES[1:]
        for column in (
            _count(f"total{half}", "images", f"total in the {half.removeprefix('_')} half"),
            _count(f"correct{half}", "images", f"correct in the {half.removeprefix('_')} half"),
            _real(f"accuracy{half}", "share", f"accuracy in the {half.removeprefix('_')} half"),
        )
    ),
    _count("predicted", "images", "test images of any class that the network assigns to the class"),
    _real("gain", "p.p.", "accuracy minus that of the baseline (for a defended baseline: the plain baseline)"),
    _real("gain_over_control", "p.p.", "accuracy minus that of the control"),
    _text("test_fingerprint", "fingerprint of the test images"),
)
TABLES = {
    "trials": TRIAL_COLUMNS,
    "attacks": ATTACK_COLUMNS,
    "classes": CLASS_COLUMNS,
    "history": HISTORY_COLUMNS,
    "transfer": TRANSFER_COLUMNS,
    "elements": ELEMENT_COLUMNS,
    "verdicts": VERDICT_COLUMNS,
}


def arrow_schema(table: str) -> pa.Schema:
    """Return the Arrow schema of one of ``TABLES``, with units and meanings as field metadata."""
    return pa.schema([column.field() for column in TABLES[table]], metadata={"schema": str(SCHEMA_VERSION)})


def as_markdown() -> str:
    """Return the documentation of the tables in Markdown, which is the content of ``docs/tables.md``."""
    parts = [_PREFACE.format(version=SCHEMA_VERSION)]
    for table, columns in TABLES.items():
        parts.append(f"\n## {table}\n\n")
        parts.append("| column | type | unit | meaning |\n| --- | --- | --- | --- |\n")
        parts += [f"| `{column.name}` | {column.type} | {column.unit} | {column.meaning} |\n" for column in columns]
    return "".join(parts)


_PREFACE = """# The tables

Schema version {version}. Each table is a folder of the store with one Parquet file in it, which
`pandas.read_parquet("store/trials")` reads. The tables are derived from `results/` and brought up to date whenever
results are missing from them. Every column is always present with its type, even if no trial has a value yet. Units
and meanings are also in the field metadata of the Parquet schema. This page is generated by
`prunesweep.results_store.schema.as_markdown()`.
"""
