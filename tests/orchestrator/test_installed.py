"""The installed product beside a user's own files and packages, which bear names that ours might collide with."""

from pathlib import Path

import pandas as pd
import pytest

from tests.helpers.wheels import ThinEnvironment, build_wheel, write_stub_wheel

SWEEP = """
name: tiny
dataset: {name: digits, train_limit: 64, test_limit: 32}
baseline: {epochs: 1, batch_size: 32}
adjustment: {epochs: 1, batch_size: 32}
axes: {architecture: resnet20, structure: filters, criterion: l1}
control: false
attacks: {fgsm: {epsilons: [8/255]}}
"""
# A user's own modules: each would break a trial that took it for ours, or for the package of that name.
USERS_MODULES = ("workers.py", "sweeps.py", "torch.py", "pandas.py", "numpy/__init__.py", "prunesweep/notes.py")
NAMES = "import prunesweep, sweeps; print(prunesweep.__file__); print(sweeps.NAME); print(prunesweep.__version__)"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> ThinEnvironment:
    """The product as a wheel, beside a package that is called ``sweeps``, as W&B's is."""
    folder = tmp_path_factory.mktemp("wheels")
    made = ThinEnvironment(tmp_path_factory.mktemp("environment"))
    made.install(build_wheel(folder), write_stub_wheel(folder, "sweeps"))
    return made


@pytest.fixture
def users_folder(tmp_path: Path) -> Path:
    """A folder with the user's own modules."""
    for name in USERS_MODULES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"raise RuntimeError('{name} is the user\\'s own')\n")
    (tmp_path / "tiny.yaml").write_text(SWEEP)
    return tmp_path


def test_a_wheel_puts_one_name_into_site_packages(environment: ThinEnvironment, tmp_path: Path) -> None:
    names = {path.name for path in environment.site_packages.iterdir() if path.suffix != ".pth"}
    assert {name for name in names if not name.endswith(".dist-info")} == {"prunesweep", "sweeps"}
    rooms = environment.site_packages / "prunesweep"
    assert (rooms / "py.typed").is_file() and (rooms / "sweeps" / "quickstart.yaml").is_file()
    assert (rooms / "sweeps" / "paper" / "cifar10.yaml").is_file()
    ours, theirs, version = environment.run("python", "-c", NAMES, folder=tmp_path).stdout.splitlines()
    assert Path(ours) == rooms / "__init__.py"
    assert theirs == "sweeps"
    assert environment.run("prunesweep", "--version", folder=tmp_path).stdout == f"prunesweep {version}\n"


def test_a_sweep_runs_from_a_folder_of_users_modules(environment: ThinEnvironment, users_folder: Path) -> None:
    ran = environment.run("prunesweep", "run", "tiny.yaml", "--store", "store", folder=users_folder)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 trials run, 0 were stored already, 0 failed" in ran.stdout
    assert len(pd.read_parquet(users_folder / "store" / "trials")) == 2
    again = environment.run("python", "-m", "prunesweep", "run", "tiny.yaml", "--store", "store", folder=users_folder)
    assert "0 trials run, 2 were stored already, 0 failed" in again.stdout, again.stderr
