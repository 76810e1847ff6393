"""What to run: the sweep language, the names it knows, trials, their keys, and the tree of trials."""
