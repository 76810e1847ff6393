"""Training recipes: how each batch of clean training images is changed before the network is trained on it.

Each recipe is a function ``(network, images, labels, training, generator) -> (images, targets)``. Images are float32
(N, 3, H, W) in [0, 1], labels int64 (N,), N ≥ 2. Targets are labels, or probabilities (N, classes) if images are mixed.
All random numbers are drawn from ``generator``, which is on the CPU.
"""
