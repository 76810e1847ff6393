"""Everything that a store knows about one trial, as data; ``orchestrator.display.trial_page`` draws it."""
