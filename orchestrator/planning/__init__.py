"""The plan of a sweep on a store, and how long it will take."""
