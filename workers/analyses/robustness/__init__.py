"""Evidence on whether a gain in robustness is real; ``prunesweep.orchestrator.analyses.robustness`` judges it."""
