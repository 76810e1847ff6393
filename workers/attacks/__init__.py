"""Attacks, a file each, and the subject that they attack."""
