"""Settings of torch that make a trial's numbers repeatable, bit for bit, on one kind of device."""

import os

import torch


def configure(threads: int) -> None:
    """Sets this thread's share of the processor, and deterministic kernels.

    Gradients of convolutions differ between one thread and two, so the number follows the trial and not the machine.
    """
    torch.set_num_threads(threads)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def default_device() -> torch.device:
    """The GPU that this process may use, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """The kind of device, for a result's provenance."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
