"""The tensors of a baseline that is not trained here: of a weights file, or of a network that torchvision publishes."""

from http.client import HTTPException
from pathlib import Path

import torch
from torch import Tensor

from prunesweep.sweeps.fingerprints import file_sha256
from prunesweep.sweeps.pretrained import Pretrained, check_architectures, find_pretrained
from prunesweep.workers.architectures.weights_file import WeightsError, read_weights_file


def read_weights(weights: str, architecture: str) -> dict[str, Tensor]:
    """The tensors, on the CPU by name, of a weights file's path or of a name such as ``torchvision:IMAGENET1K_V2``.

    torchvision's files are downloaded once, into torch's own folder for them (``$TORCH_HOME/hub/checkpoints``, by
    default below ``~/.cache/torch``).

    Raises:
        DataError: the file is not there, not the one published, not to be had, or no weights; or the name is not known,
            or that of another architecture. A file's tensors are held against an architecture by ``load_weights``.
    """
    check_architectures(weights, [architecture])
    pretrained = find_pretrained(weights)
    return read_weights_file(weights if pretrained is None else _local_copy(pretrained))


def _local_copy(pretrained: Pretrained) -> Path:
    """Where the file lies on this machine. Its bytes are checked each time: the keys say what they are."""
    path = Path(torch.hub.get_dir(), "checkpoints", pretrained.file_name)
    if not path.exists():
        _download(pretrained, path)
    if not file_sha256(str(path), pretrained.file_name).startswith(pretrained.sha256_prefix):
        raise WeightsError(
            f"{path} is damaged or another file: its SHA-256 does not begin with {pretrained.sha256_prefix}; delete it"
        )
    return path


def _download(pretrained: Pretrained, path: Path) -> None:
    """Puts the file there in one step, so that trials beside this one see all of it or nothing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(pretrained.url, str(path), pretrained.sha256_prefix, progress=False)
    except (OSError, HTTPException, RuntimeError) as error:  # RuntimeError: the bytes are not those published
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{pretrained.url} cannot be downloaded: {reason}; put the file at {path}, or name a weights file instead"
        ) from error
