"""Users' image files as far as the keys and the plan need them: which files count, how many, and what they hold."""
