"""The numbers in the paper's tables and figures: gains in percentage points, and Table 4's accuracies in percent."""

from collections.abc import Mapping

# Column of gains in the paper's tables -> the accuracy column of the table ``trials``.
ACCURACY_BY_COLUMN = {
    "semantic": "robustness_corruptions",
    "occlusion": "robustness_occlusion",
    "FGSM": "robustness_fgsm",
    "clean": "generalization",
}

PaperRow = Mapping[str, float | None]
"""The gains in one row of the paper's tables, by column."""

# By (architecture, structure); PLS, one iteration, fine-tuning.
TABLE1: Mapping[tuple[str, str], PaperRow] = {
    ("resnet56", "filters"): {"semantic": 1.58, "occlusion": 2.76, "FGSM": 3.68, "clean": 0.60, "average": 2.15},
    ("resnet56", "layers"): {"semantic": 1.05, "occlusion": 1.06, "FGSM": 3.20, "clean": 0.84, "average": 1.53},
    ("resnet56", "both"): {"semantic": -4.13, "occlusion": 4.62, "FGSM": 0.36, "clean": -0.60, "average": 0.06},
    ("mobilenet_v2", "filters"): {"semantic": -0.60, "occlusion": 3.35, "FGSM": 0.64, "clean": 0.37, "average": 0.94},
    ("mobilenet_v2", "layers"): {"semantic": -0.49, "occlusion": 2.12, "FGSM": 1.44, "clean": 0.15, "average": 0.80},
    ("mobilenet_v2", "both"): {"semantic": 0.07, "occlusion": 2.56, "FGSM": 1.05, "clean": 0.17, "average": 0.96},
    ("vgg16", "filters"): {"semantic": -1.00, "occlusion": 4.86, "FGSM": -2.21, "clean": 0.89, "average": 0.63},
}

# By criterion; filters of ResNet56. The available text of the paper lacks the names of the first four rows: L1-norm and
# ExpectedABS may be swapped, and so may HRank and KL-divergence; this is the order that the paper's prose suggests. Two
# of the occlusion cells are derived from the average.
TABLE2: Mapping[str, PaperRow] = {
    "l1": {"semantic": 1.64, "occlusion": -0.80, "FGSM": 3.75, "clean": 0.38, "average": 1.24},
    "expected_abs": {"semantic": 0.96, "occlusion": -0.09, "FGSM": 4.29, "clean": 0.51, "average": 1.41},
    "hrank": {"semantic": 0.93, "occlusion": 2.90, "FGSM": 3.18, "clean": 0.39, "average": 1.85},
    "kl_divergence": {"semantic": 0.82, "occlusion": 0.72, "FGSM": 3.00, "clean": 0.34, "average": 1.22},
    "pls": {"semantic": 1.58, "occlusion": 2.76, "FGSM": 3.68, "clean": 0.60, "average": 2.15},
}

# By adjustment; filters of ResNet56 by PLS. The average is over the attacks only.
TABLE3: Mapping[str, PaperRow] = {
    "scratch_e": {"semantic": 1.72, "occlusion": -0.60, "FGSM": 1.64, "average": 0.92},
    "scratch_b": {"semantic": 1.25, "occlusion": -0.71, "FGSM": 3.64, "average": 1.39},
    "winning_ticket": {"semantic": 1.13, "occlusion": -5.41, "FGSM": 1.40, "average": -0.96},
    "fine_tune": {"semantic": 1.58, "occlusion": 2.76, "FGSM": 3.68, "average": 2.67},
}

# Accuracies of targets (columns, in the order of the rows) on images that FGSM crafted on sources (rows).
TABLE4_NETWORKS = (
    ("resnet56", "none"),
    ("resnet56", "filters"),
    ("mobilenet_v2", "none"),
    ("mobilenet_v2", "filters"),
)
TABLE4 = (
    (21.60, 32.73, 52.55, 53.25),
    (33.91, 25.28, 53.67, 53.68),
    (70.28, 70.25, 24.21, 27.17),
    (69.69, 70.01, 28.29, 24.84),
)

# By (recipe, structure); ResNet50. The paper copies the first four rows from others, whose baselines differ.
TABLE5: Mapping[tuple[str, str], PaperRow] = {
    ("stylized", "none"): {"robustness": -2.29, "generalization": -16.20, "average": -9.24},
    ("mixup", "none"): {"robustness": -4.77, "generalization": 1.10, "average": -1.83},
    ("cutout", "none"): {"robustness": 1.39, "generalization": 0.75, "average": 1.06},
    ("cutmix", "none"): {"robustness": 1.71, "generalization": 2.07, "average": 1.89},
    ("debiased", "none"): {"robustness": 7.50, "generalization": 0.50, "average": 4.00},
    ("plain", "filters"): {"robustness": 1.14, "generalization": 3.15, "average": 2.14},
    ("plain", "layers"): {"robustness": 1.20, "generalization": 3.03, "average": 2.11},
}
TABLE5_ACCURACY_BY_COLUMN = {"robustness": "robustness_corruptions", "generalization": "generalization"}

# Figure 5: |E| for ResNet56, the filters of the first convolution of each block, and the blocks that keep their input's
# shape.
FIGURE5_ELEMENTS = {"filters": 1008, "layers": 24}
# |L_i| / |E| in percent by (structure, attack, i), where the paper states a number.
FIGURE5: Mapping[tuple[str, str, int], float] = {
    ("filters", "occlusion", 0): 3.07,
    ("filters", "occlusion", 1): 39.88,
    ("filters", "fgsm", 0): 8.04,
    ("filters", "fgsm", 1): 80.36,
    ("layers", "occlusion", 0): 0.0,
    ("layers", "fgsm", 0): 0.0,
}
