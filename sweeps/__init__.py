"""What to run: the sweep language, the catalogue of its names, and the trials with their keys and their tree."""
