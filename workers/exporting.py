"""Export of networks as programs that run without this package."""

from pathlib import Path

import torch

from prunesweep.workers.architectures.network import load_network

_EXAMPLE_IMAGES = 2  # torch.export would treat a batch size of 1 as a constant
_MAX_BATCH = 2**20  # images; torch 2.6 requires an upper bound


def write_program(folder: Path, format: str) -> Path:
    """Export the network in a folder as a program, which is written to the same folder.

    Args:
        folder: a folder that ``load_network`` can read.
        format: format of the program, ``torch_export`` or ``onnx``.

    Returns:
        Path of the program, which is named ``network.pt2`` or ``network.onnx``.
    """
    network = load_network(folder)
    side = network.spec.image_size
    example = (torch.zeros(_EXAMPLE_IMAGES, 3, side, side),)
    dynamic_shapes = ({0: torch.export.Dim("images", min=1, max=_MAX_BATCH)},)
    if format == "torch_export":
        torch.export.save(torch.export.export(network, example, dynamic_shapes=dynamic_shapes), folder / "network.pt2")
        return folder / "network.pt2"
    path = folder / "network.onnx"
    torch.onnx.export(
        network,
        example,
        str(path),
        dynamo=True,
        dynamic_shapes=dynamic_shapes,
        input_names=["images"],
        output_names=["logits"],
        external_data=False,
        verbose=False,
    )
    return path
