"""What a file is that was given as a weights file, by its first bytes: people name all kinds of files."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from prunesweep.sweeps import git_lfs

_HEAD = 512  # bytes that are looked at
_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc": "7z",
}
_LONGEST_HEADER = 100_000_000  # bytes; of a safetensors file, by its format


def is_safetensors(path: Path) -> bool:
    """Whether a file begins as safetensors files do: eight bytes of length, then JSON."""
    head = _head(path)
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _LONGEST_HEADER


def fault_of_kind(path: Path) -> str | None:
    """Return why a file is no weights file, and what to do; None where it may be one that ``torch.save`` wrote."""
    if path.is_dir():
        return _fault_of_folder(path)
    head = _head(path)
    return next((fault for find in _KINDS if (fault := find(path, head)) is not None), None)


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(_HEAD)


def _fault_of_folder(folder: Path) -> str:
    inside = sorted(path.name for path in folder.iterdir() if path.suffix in (".safetensors", ".pth", ".pt", ".bin"))
    return f"is a folder; name the file in it{f', such as {inside[0]}' if inside else ''}"


def _empty(path: Path, head: bytes) -> str | None:
    return None if head else "is empty: it has 0 bytes; download or save it again"


def _pointer(path: Path, head: bytes) -> str | None:
    if head.startswith(git_lfs.POINTER):
        return "is a Git LFS pointer, and not the file that it points to; fetch that with `git lfs pull`"
    return None


def _text(path: Path, head: bytes) -> str | None:
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<body")):
        return "is a web page, and not the file that was to be downloaded; download it again from its own address"
    if start.startswith(b"<"):
        return "is XML, as a server answers that refuses; download the file again"
    if start[:1] in (b"{", b"["):
        return "is JSON text, and no weights; name the file that holds the tensors"
    is_text = all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    return "is text, and no weights" if is_text else None


def _compressed(path: Path, head: bytes) -> str | None:
    name = next((name for magic, name in _COMPRESSED.items() if head.startswith(magic)), None)
    return None if name is None else f"is compressed ({name}); unpack it, and name what is in it"


def _tar(path: Path, head: bytes) -> str | None:
    return "is a tar archive; unpack it, and name the file in it" if head[257:262] == b"ustar" else None


def _other_frameworks(path: Path, head: bytes) -> str | None:
    if head.startswith(b"\x89HDF\r\n"):
        return "is an HDF5 file, as Keras writes them; networks of PyTorch are needed"
    if path.suffix == ".onnx" or (b"pytorch" in head[:32] and head[:1] == b"\x08"):
        return "is an ONNX model; name the weights that it was exported from"
    return None


def _zip(path: Path, head: bytes) -> str | None:
    if not head.startswith(b"PK"):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return "is damaged or cut short; download or save it again"
    inside = {name.split("/", 1)[-1] for name in names}
    if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
        return "is a TorchScript program; save its weights alone: torch.save(program.state_dict(), FILE)"
    if "data.pkl" in inside:
        return None
    if any(name.endswith(".npy") for name in names):
        return "is an archive of NumPy arrays; save them as safetensors, by the names of the network"
    if "model.weights.h5" in names:
        return "is a Keras model; networks of PyTorch are needed"
    return "is a zip archive without weights of PyTorch; unpack it, and name the file in it"


_KINDS: tuple[Callable[[Path, bytes], str | None], ...] = (
    _empty,
    _pointer,
    _compressed,
    _tar,
    _other_frameworks,
    _zip,
    _text,
)
