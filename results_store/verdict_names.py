"""Names in a verdict's evidence, shared by the workers that write it and the orchestrator that judges it."""

HOLDS = "holds"  # the verdict that a gain is real

NETWORK, BASELINE, CONTROL = "network", "baseline", "control"

# "margin": attacks the margin loss, which does not change with the scale of the logits; the others use cross-entropy.
FGSM, FGSM_MARGIN = "fgsm", "fgsm_margin"
PGD, PGD_MARGIN = "pgd", "pgd_margin"
SQUARE, AUTOATTACK = "square", "autoattack"

# Prefix; the name of the network on which the images were crafted follows.
TRANSFER_FROM = "transfer_from_"
