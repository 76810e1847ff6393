"""Evidence on whether a gain in robustness is real: a network, its baseline and its control under many attacks."""
