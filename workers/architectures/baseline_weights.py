"""Loading the tensors of baselines that the sweep does not train, from a weights file or from torchvision."""

from http.client import HTTPException
from pathlib import Path

import torch
from torch import Tensor

from prunesweep.sweeps.fingerprints import file_sha256
from prunesweep.sweeps.pretrained import Pretrained, check_architectures, find_pretrained
from prunesweep.workers.architectures.weights_file import WeightsError, read_weights_file


def read_weights(weights: str, architecture: str) -> dict[str, Tensor]:
    """Return the tensors of a baseline by name, on the CPU.

    torchvision's files are downloaded once, into torch's own folder for downloads (``$TORCH_HOME/hub/checkpoints``, by
    default in ``~/.cache/torch``).

    A file that is missing, cannot be downloaded, differs from the published one or contains no weights raises
    ``DataError``, and so does a name that is unknown or belongs to another architecture. Whether the tensors match the
    shapes of the architecture is not checked here but by ``load_weights``.

    Args:
        weights: path of a weights file, or a name such as ``torchvision:IMAGENET1K_V2``.
        architecture: name of the baseline's architecture.
    """
    check_architectures(weights, [architecture])
    pretrained = find_pretrained(weights)
    return read_weights_file(weights if pretrained is None else _ensure_local_copy(pretrained))


def _ensure_local_copy(pretrained: Pretrained) -> Path:
    """Return the path of torchvision's weights file on this machine, after downloading the file if needed.

    The file's hash is checked every time, because the trials' keys depend on the published content.

    Raises:
        WeightsError: the file's hash is not the published one.
    """
    path = Path(torch.hub.get_dir(), "checkpoints", pretrained.file_name)
    if not path.exists():
        _download(pretrained, path)
    if not file_sha256(str(path), pretrained.file_name).startswith(pretrained.sha256_prefix):
        raise WeightsError(
            f"{path} is damaged or another file: its SHA-256 does not begin with {pretrained.sha256_prefix}; delete it"
        )
    return path


def _download(pretrained: Pretrained, path: Path) -> None:
    """Download a pretrained network's file to a path, where concurrent trials see either the whole file or none.

    Raises:
        WeightsError: the file cannot be downloaded.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(pretrained.url, str(path), pretrained.sha256_prefix, progress=False)
    except (OSError, HTTPException, RuntimeError) as error:  # RuntimeError: the hash differs from the published one
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"{pretrained.url} cannot be downloaded: {reason}; put the file at {path}, or use a weights file instead"
        ) from error
