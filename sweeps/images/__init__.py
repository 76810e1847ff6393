"""Rules and facts about users' image files that keys and plans need: which files are images, and what they contain."""
