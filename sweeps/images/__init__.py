"""Rules and facts about users' image files that keys and plans need: which files count, how many, and their content."""
