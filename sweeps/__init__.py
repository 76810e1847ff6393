"""What to run: the sweep language, the names it knows, the trial, its keys and the trial tree."""
