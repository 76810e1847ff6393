"""Questions that the store answers: trials by key or condition, their settings, and how far sweeps are."""
