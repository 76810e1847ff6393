"""Settings of torch that make a trial's numbers repeatable, bit for bit, on one kind of device."""

import ctypes
import gc
import os
import sys
from typing import TypeVar

import torch
from torch.nn import Module

_Placed = TypeVar("_Placed", bound=Module)


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


def release_memory() -> None:
    """Gives back to the system what a trial no longer needs.

    Traced graphs are circular, and Python's collector rarely runs where objects are few and large. glibc keeps what is
    freed: a worker of ResNet56 trials, each with layers of other sizes, grew to 8.5 GB.
    """
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # musl has none
        libc.malloc_trim(0)


def default_device() -> torch.device:
    """The GPU that this process may use, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def place(network: _Placed, device: torch.device) -> _Placed:
    """Puts a network on a device, channels last: up to three times faster on a CPU, and the same decisions."""
    return network.to(device).to(memory_format=torch.channels_last)


def device_name(device: torch.device) -> str:
    """The kind of device, for a result's provenance."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
