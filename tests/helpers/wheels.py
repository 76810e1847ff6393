"""Wheels, and thin virtual environments for them, made without a network beside the packages that run the tests."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build_wheel(folder: Path) -> Path:
    """Build the product's wheel in a copy of its sources below ``folder``."""
    sources = folder / "sources"
    kept_out = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "dist")
    sources.mkdir(parents=True)
    for name in ("src", "sweeps", "results_store", "workers", "orchestrator"):
        shutil.copytree(ROOT / name, sources / name, symlinks=True, ignore=kept_out)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder)]
    _pip("wheel", *options, str(sources))
    (wheel,) = folder.glob("prunesweep-*.whl")
    return wheel


def write_stub_wheel(folder: Path, name: str) -> Path:
    """Write a wheel of a package that holds nothing but its name."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    about = f"{name}-1.0.dist-info"
    contents = {
        f"{name}/__init__.py": f"NAME = {name!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*contents, f"{about}/RECORD"])
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in {**contents, f"{about}/RECORD": record}.items():
            wheel.writestr(file, content)
    return path


class ThinEnvironment:
    """A virtual environment that also sees the packages of the running one, but not what is installed editable there.

    Attributes:
        site_packages: where wheels are installed.
    """

    def __init__(self, folder: Path) -> None:
        """Make it in a folder."""
        venv.create(folder, symlinks=True)
        self._bin = folder / "bin"
        paths = {"base": str(folder), "platbase": str(folder)}
        self.site_packages = Path(sysconfig.get_path("purelib", "venv", vars=paths))
        # Of a folder that is named in a .pth file, Python reads no .pth files.
        (self.site_packages / "beside.pth").write_text(sysconfig.get_path("purelib"))

    def install(self, *wheels: Path) -> None:
        """Install wheels without what they depend on."""
        python = str(self._bin / "python")
        _pip("--python", python, "install", "--no-deps", "--no-index", *map(str, wheels))

    def run(self, command: str, *arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
        """Run a command of the environment in a folder."""
        return subprocess.run(
            [str(self._bin / command), *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False
        )


def _pip(*arguments: str) -> None:
    ran = subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
