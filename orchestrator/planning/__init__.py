"""The plan of a sweep on a store, and the estimate of how long it takes."""
