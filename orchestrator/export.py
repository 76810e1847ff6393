"""Exporting a network from the store to a folder that ``prunesweep.load_network`` reads."""

from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

from prunesweep.orchestrator.query.trials import find_trial
from prunesweep.results_store import Store, StoreError, StoreLike, existing_store
from prunesweep.results_store.objects import Objects
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.paths import expand_home

FORMATS = ("safetensors", "torch_export", "onnx")


class ExportError(UserError):
    """An export with an unknown format, without the packages of its format, or to an unsuitable folder."""


def export_network(
    store: StoreLike,
    trial: str,
    folder: str | PathLike[str],
    *,
    format: str = "safetensors",
    force: bool = False,
) -> Path:
    """Write the network of a trial to a folder: its weights, ``network.json`` and, for two formats, a program.

    A trial without a stored network raises ``UnknownTrial``, and a damaged network raises ``StoreError``.

    Args:
        store: a folder, an fsspec URL or an open store.
        trial: the key of the trial, or a beginning that no other key shares.
        folder: a folder on this machine.
        format: ``safetensors``; ``torch_export`` adds ``network.pt2``, and ``onnx`` adds ``network.onnx``. Both
            programs take images (N, 3, H, W) in [0, 1] and return logits, for any N up to 2²⁰.
        force: whether to write into a folder that is not empty. Files of the same names are replaced, other files stay.

    Returns:
        The path of the folder.

    Raises:
        ExportError: the format is unknown or needs an extra, or the folder is not empty or cannot be written.

    Example:
        >>> from prunesweep import export_network, load_network
        >>> network = load_network(export_network("store", "1d7dd2ef", "my_network"))
        >>> sum(parameter.numel() for parameter in network.parameters())
        105436
    """
    folder = expand_home(folder)
    if format not in FORMATS:
        raise ExportError(f"unknown format {format!r}; allowed: {', '.join(FORMATS)}")
    if not folder or "://" in folder:
        raise ExportError(f"--to {folder!r}: name a folder on this machine")
    if format == "onnx" and not (find_spec("onnx") and find_spec("onnxscript")):
        raise ExportError("onnx needs an extra: pip install 'prunesweep[onnx]'")
    store = existing_store(store)
    files = _export_files(store, find_trial(store, trial), format)
    objects = Objects(folder)
    _check_folder(Path(objects.url), force)
    try:
        for name, content in files.items():
            objects.put(name, content)
    except StoreError as error:
        raise ExportError(str(error)) from None
    return Path(folder)


def loading_line(folder: Path, format: str) -> str:
    """Return one line of Python that loads an exported network as ``network``."""
    if format == "onnx":
        return f"import onnxruntime; network = onnxruntime.InferenceSession({str(folder / 'network.onnx')!r})"
    if format == "torch_export":
        return f"import torch; network = torch.export.load({str(folder / 'network.pt2')!r}).module()"
    return f"from prunesweep import load_network; network = load_network({str(folder)!r})"


def _check_folder(folder: Path, force: bool) -> None:
    """Check that writing to a folder overwrites nothing that the user may want to keep.

    Raises:
        ExportError: the path is a file, or a folder that is not empty and ``force`` is not set.
    """
    if folder.is_file():
        raise ExportError(f"--to {folder}: is a file; name a folder")
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise ExportError(f"--to {folder}: is not empty; --force writes into it, and replaces an earlier export")


def _export_files(store: Store, key: str, format: str) -> dict[str, bytes]:
    """Return the content of all files of an export, by file name.

    All of it is computed before any file is written, so that an error leaves the folder unchanged.
    """
    store.load_network(key)  # checks that the network is not damaged
    files = store.network_files(key)
    if format == "safetensors":
        return files
    from prunesweep.workers.exporting import write_program

    with TemporaryDirectory(prefix="prunesweep-export-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        program = write_program(Path(folder), format)
        return {**files, program.name: program.read_bytes()}
