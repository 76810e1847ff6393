"""Evidence on whether a gain in robustness is real; ``orchestrator.verification`` judges it."""
