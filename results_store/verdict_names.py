"""The words of a verdict's evidence: workers write it, the orchestrator judges it, and both name things alike."""

HOLDS = "holds"  # the verdict that a gain is real

NETWORK, BASELINE, CONTROL = "network", "baseline", "control"

# "margin": on the margin loss, which does not change with the scale of the logits; else on cross-entropy.
FGSM, FGSM_MARGIN = "fgsm", "fgsm_margin"
PGD, PGD_MARGIN = "pgd", "pgd_margin"
SQUARE, AUTOATTACK = "square", "autoattack"

# Followed by the name of the network that images were crafted on.
TRANSFER_FROM = "transfer_from_"
