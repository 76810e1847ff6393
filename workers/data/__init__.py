"""The readers of the data sets, one file for each, and their shared parts: decoding, checks, splits, augmentation."""
