"""Data sets, a file each, and what they share: the tensors a trial uses, decoding, batches and augmentation."""
