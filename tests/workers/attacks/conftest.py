"""Fixtures of the tests of attacks."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from prunesweep.sweeps.datasets import Digits
from prunesweep.workers.data.digits import load
from tests.helpers.trained_networks import Trained


@pytest.fixture(scope="session")
def trained() -> Trained:
    """A network trained within a second or two: nearly perfect on 200 digits, and easily fooled at ε = 0.1."""
    torch.set_num_threads(1)
    data = load(Digits(name="digits", size=16))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(512, 10),
        )
        optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
        images, labels = data.train.read(slice(None)).float() / 255, data.train.labels
        for _ in range(12):
            for batch in torch.randperm(len(labels)).split(64):
                optimizer.zero_grad()
                cross_entropy(network(images[batch]), labels[batch]).backward()
                optimizer.step()
    network.zero_grad()
    return Trained(network.eval(), data.test.read(slice(None))[:200].float() / 255, data.test.labels[:200])
