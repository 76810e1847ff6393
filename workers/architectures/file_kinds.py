"""Recognition, mostly by the first bytes, of files that were given as weights files but are something else."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from prunesweep.sweeps import git_lfs

_HEAD_SIZE = 512  # bytes
_COMPRESSION_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc": "7z",
}
_MAX_SAFETENSORS_HEADER = 100_000_000  # bytes, by the specification of the format


def is_safetensors(path: Path) -> bool:
    """Return whether a file begins like a safetensors file: with eight bytes for a length, then a JSON object."""
    head = _read_head(path)
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _MAX_SAFETENSORS_HEADER


def describe_wrong_kind(path: Path) -> str | None:
    """Return why a file is not a weights file and what to do, or None if ``torch.save`` may have written it."""
    if path.is_dir():
        return _describe_folder(path)
    head = _read_head(path)
    return next((reason for describe in _KINDS if (reason := describe(path, head)) is not None), None)


def _read_head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_HEAD_SIZE)


def _describe_folder(folder: Path) -> str:
    suffixes = (".safetensors", ".pth", ".pt", ".bin")
    candidates = sorted(path.name for path in folder.iterdir() if path.suffix in suffixes)
    return f"is a folder; name the file in it{f', such as {candidates[0]}' if candidates else ''}"


def _describe_empty(path: Path, head: bytes) -> str | None:
    return None if head else "is empty: it has 0 bytes; download or save it again"


def _describe_git_lfs_pointer(path: Path, head: bytes) -> str | None:
    if head.startswith(git_lfs.POINTER_PREFIX):
        return "is a Git LFS pointer instead of the file itself; fetch the file with `git lfs pull`"
    return None


def _describe_text(path: Path, head: bytes) -> str | None:
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<body")):
        return "is a web page instead of the file to download; download the file again from its own address"
    if start.startswith(b"<"):
        return "is XML, probably an error message from a server; download the file again"
    if start[:1] in (b"{", b"["):
        return "is JSON text without weights; name the file that contains the tensors"
    is_text = all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    return "is a text file without weights" if is_text else None


def _describe_compressed(path: Path, head: bytes) -> str | None:
    compression = next((name for magic, name in _COMPRESSION_MAGIC.items() if head.startswith(magic)), None)
    return None if compression is None else f"is compressed ({compression}); unpack it and name the unpacked file"


def _describe_tar(path: Path, head: bytes) -> str | None:
    return "is a tar archive; unpack it and name the file in it" if head[257:262] == b"ustar" else None


def _describe_other_framework(path: Path, head: bytes) -> str | None:
    if head.startswith(b"\x89HDF\r\n"):
        return "is an HDF5 file, as written by Keras; only PyTorch weights can be read"
    if path.suffix == ".onnx" or (b"pytorch" in head[:32] and head[:1] == b"\x08"):
        return "is an ONNX model; name the PyTorch weights that it was exported from"
    return None


def _describe_zip(path: Path, head: bytes) -> str | None:
    if not head.startswith(b"PK"):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return "is damaged or cut short; download or save it again"
    members = {name.split("/", 1)[-1] for name in names}
    if "constants.pkl" in members or any(name.startswith("code/") for name in members):
        return "is a TorchScript program; save only its weights: torch.save(program.state_dict(), FILE)"
    if "data.pkl" in members:
        return None
    if any(name.endswith(".npy") for name in names):
        return "is an archive of NumPy arrays; save them as safetensors under the names of the network's tensors"
    if "model.weights.h5" in names:
        return "is a Keras model; only PyTorch weights can be read"
    return "is a zip archive without PyTorch weights; unpack it and name the file in it"


_KINDS: tuple[Callable[[Path, bytes], str | None], ...] = (
    _describe_empty,
    _describe_git_lfs_pointer,
    _describe_compressed,
    _describe_tar,
    _describe_other_framework,
    _describe_zip,
    _describe_text,
)
