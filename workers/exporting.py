"""Exported networks as programs that run without this package."""

from pathlib import Path

import torch

from prunesweep.workers.architectures.network import load_network

_EXAMPLE_IMAGES = 2  # torch.export takes a size of 1 for a constant
_MOST_IMAGES = 2**20  # at once; torch 2.6 wants a bound


def write_program(folder: Path, format: str) -> Path:
    """Adds ``network.pt2`` (torch.export) or ``network.onnx`` to a folder with an exported network."""
    network = load_network(folder)
    side = network.spec.image_size
    example = (torch.zeros(_EXAMPLE_IMAGES, 3, side, side),)
    batch = ({0: torch.export.Dim("images", min=1, max=_MOST_IMAGES)},)
    if format == "torch_export":
        torch.export.save(torch.export.export(network, example, dynamic_shapes=batch), folder / "network.pt2")
        return folder / "network.pt2"
    path = folder / "network.onnx"
    torch.onnx.export(
        network,
        example,
        str(path),
        dynamo=True,
        dynamic_shapes=batch,
        input_names=["images"],
        output_names=["logits"],
        external_data=False,
        verbose=False,
    )
    return path
