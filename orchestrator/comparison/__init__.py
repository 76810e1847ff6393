"""Comparison of every setting with its baseline or its control, image by image."""
