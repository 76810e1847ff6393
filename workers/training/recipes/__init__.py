"""Training recipes: what becomes of a batch of clean training images before the network is trained on it.

Each is a function ``(network, images, labels, training, generator) -> (images, targets)``: images float32
(N, 3, H, W) in [0, 1], labels int64 (N,), N ≥ 2; targets are labels, or probabilities (N, classes) where images are
mixed. Whatever it draws, it draws from ``generator`` (of the CPU).
"""
