"""Networks: the architectures, what may be pruned in each, and how a network is made, loaded and measured."""
