"""What the built-in sweeps need to be told: where a user's own files lie."""

from pathlib import Path


def overrides_of(name: str, folder: Path) -> list[str]:
    """Overrides that make a built-in sweep whole, with files that are made below ``folder``.

    A plan needs the bytes and names of data and weights, not their meaning.
    """
    if "imagenet" not in name or name.endswith("_short"):
        return _cifar(folder) if name == "cifar10_pretrained" else []
    images = folder / "images" / "class"
    images.mkdir(parents=True, exist_ok=True)
    (images / "one.jpeg").write_bytes(b"any")
    overrides = [f"dataset.train={images.parent}", f"dataset.test={images.parent}", "attacks={fgsm: }"]
    if name.endswith("_published"):
        for defence in ("stylized", "debiased"):
            (folder / f"{defence}.pth").write_text(defence)
            overrides.append(f"baseline.defences.{defence}={folder / defence}.pth")
    return overrides


def _cifar(folder: Path) -> list[str]:
    file = folder / "any.bytes"
    file.write_bytes(b"any")
    return [f"{key}={file}" for key in ("dataset.train", "dataset.test", "baseline.weights")]
