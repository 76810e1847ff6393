"""The progress of a run while it lasts: counts, figures of the networks so far, and how long phases take."""
