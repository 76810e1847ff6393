"""Evidence on whether a gain in robustness is real; ``prunesweep.orchestrator.verification`` judges it."""
