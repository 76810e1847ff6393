"""Takes a network home: out of the store, into a folder that ``prunesweep.load_network`` reads."""

from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

from prunesweep.orchestrator.query.trials import find_trial
from prunesweep.results_store import Store, StoreError, StoreLike, existing_store
from prunesweep.results_store.objects import Objects
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.paths import expanded

FORMATS = ("safetensors", "torch_export", "onnx")


class ExportError(UserError):
    """A format that is none, or a folder that cannot be written."""


def export_network(
    store: StoreLike,
    trial: str,
    folder: str | PathLike[str],
    *,
    format: str = "safetensors",
    force: bool = False,
) -> Path:
    """Write the network of a trial to a folder: weights and ``network.json``, and what else ``format`` asks for.

    Args:
        store: a folder, an fsspec URL or an open store.
        trial: its key, or enough of it to name one.
        folder: of this machine.
        format: ``safetensors``; ``torch_export`` adds ``network.pt2``, ``onnx`` adds ``network.onnx``. Both take
            images (N, 3, H, W) in [0, 1] and give logits, for any N up to 2²⁰.
        force: whether files of these names may be replaced, and others stay, in a folder that is not empty.

    Raises:
        UnknownTrial: the trial is not there.
        ExportError: the format is unknown or needs an extra, the folder is not empty or cannot be written.

    Example:
        >>> from prunesweep import export_network, load_network
        >>> network = load_network(export_network("store", "1d7dd2ef", "my_network"))
        >>> sum(parameter.numel() for parameter in network.parameters())
        105436
    """
    folder = expanded(folder)
    if format not in FORMATS:
        raise ExportError(f"{format!r} is no format; allowed: {', '.join(FORMATS)}")
    if not folder or "://" in folder:
        raise ExportError(f"--to {folder!r}: name a folder of this machine")
    if format == "onnx" and not (find_spec("onnx") and find_spec("onnxscript")):
        raise ExportError("onnx needs an extra: pip install 'prunesweep[onnx]'")
    store = existing_store(store)
    files = _files_of(store, find_trial(store, trial), format)
    home = Objects(folder)
    _check_empty(Path(home.url), force)
    try:
        for name, content in files.items():
            home.put(name, content)
    except StoreError as error:
        raise ExportError(str(error)) from None
    return Path(folder)


def how_to_load(folder: Path, format: str) -> str:
    """Return the lines of Python that load what was exported, on one line."""
    if format == "onnx":
        return f"import onnxruntime; network = onnxruntime.InferenceSession({str(folder / 'network.onnx')!r})"
    if format == "torch_export":
        return f"import torch; network = torch.export.load({str(folder / 'network.pt2')!r}).module()"
    return f"from prunesweep import load_network; network = load_network({str(folder)!r})"


def _check_empty(folder: Path, force: bool) -> None:
    """Raises: ExportError where something is there that the user may want to keep."""
    if folder.is_file():
        raise ExportError(f"--to {folder}: is a file; name a folder")
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise ExportError(f"--to {folder}: is not empty; --force writes into it, and replaces an earlier export")


def _files_of(store: Store, key: str, format: str) -> dict[str, bytes]:
    """All that will be written, before anything is."""
    store.load_network(key)  # refuses what is damaged
    files = store.network_files(key)
    if format == "safetensors":
        return files
    from prunesweep.workers.exporting import write_program

    with TemporaryDirectory(prefix="prunesweep-export-") as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        program = write_program(Path(folder), format)
        return {**files, program.name: program.read_bytes()}
