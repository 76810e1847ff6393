"""The 15 common corruptions of Hendrycks & Dietterich (ICLR 2019) at CIFAR-10-C's severities."""
