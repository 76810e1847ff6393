"""Names in the evidence of a verdict, for the workers that write the evidence and the orchestrator that judges it."""

HOLDS = "holds"  # the verdict that a gain is real

NETWORK, BASELINE, CONTROL = "network", "baseline", "control"

# FGSM and PGD on cross-entropy, and "margin": on the margin loss, which does not change with the scale of the logits.
FGSM, FGSM_MARGIN = "fgsm", "fgsm_margin"
PGD, PGD_MARGIN = "pgd", "pgd_margin"
SQUARE, AUTOATTACK = "square", "autoattack"

# Prefix; the name of the network on which the images were crafted follows.
TRANSFER_FROM = "transfer_from_"
