"""Every setting against its baseline or its control, image by image."""
