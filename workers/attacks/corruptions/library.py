"""Corrupted test images, made once for a data set and then shared by all trials and workers of a machine.

They lie as memory-mapped arrays below ``$PRUNESWEEP_CACHE`` (or ``~/.cache/prunesweep``). The folder is a cache: it
can be deleted at any time, and what is missing is made again with the same pixels.
"""

import os
import uuid
import warnings
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from sweeps.catalogue import ATTACKS
from sweeps.keys import key_of
from workers.attacks.corruptions.corrupt import corrupt


def corrupted_images(images: Tensor, fingerprint: str, kind: str, severity: int, frost_textures: str) -> Tensor:
    """``images``, uint8 (N, 3, H, W), under one corruption: uint8 of the same shape, on the CPU, not to be changed.

    ``fingerprint`` names the images.
    """
    textures = frost_textures if kind == "frost" else None
    made_of = [fingerprint, len(images), kind, severity, textures, ATTACKS["corruptions"].version]
    path = cache_folder() / "corruptions" / f"{key_of('corrupted', made_of)}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # a second worker waits for the first and makes nothing
            if not path.exists():
                made = corrupt(images.cpu(), kind, severity, frost_textures=frost_textures)
                _write(path, made)
    with warnings.catch_warnings():  # the map is read-only, and nothing here writes to pixels
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(np.load(path, mmap_mode="r"))


def cache_folder() -> Path:
    """Where things are kept that can be made again."""
    chosen = os.environ.get("PRUNESWEEP_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(base) / "prunesweep"


def _write(path: Path, images: Tensor) -> None:
    temporary = path.with_suffix(f".{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "wb") as file:
            np.save(file, images.numpy())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
