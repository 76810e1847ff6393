"""The public face: every verb of the command line as a function, whose examples run as they stand."""

import doctest
import inspect
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import prunesweep
from prunesweep.orchestrator.cli import COMMANDS, app

ROOT = Path(__file__).resolve().parents[1]
STORE = ROOT / "tests" / "stores" / "version_0.1.0" / "store"
# The function of each command.
VERBS = {
    "init": "init_sweep",
    "plan": "plan_sweep",
    "run": "run_sweep",
    "status": "sweep_states",
    "pareto": "pareto_front",
    "effects": "main_effects",
    "compare": "compare_settings",
    "show": "show_trial",
    "query": "query",
    "transfer": "transfer",
    "elements": "single_elements",
    "verify-robustness": "verify_robustness",
    "reproduce": "reproduce",
    "export": "export_network",
}
FUNCTIONS = sorted({*VERBS.values(), "compare_groups", "load_network"})


@pytest.fixture
def beside_a_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a small store in it."""
    shutil.copytree(STORE, tmp_path / "store")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_command_has_a_function() -> None:
    assert VERBS.keys() == COMMANDS.keys()
    assert {*FUNCTIONS, "Store", "__version__"} == {*prunesweep.__all__}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_example_of_a_function_prints_what_it_says(name: str, beside_a_store: Path) -> None:
    function = getattr(prunesweep, name)
    examples = doctest.DocTestFinder(recurse=False).find(function, name, globs={})
    assert [bool(test.examples) for test in examples] == [True]
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in examples:
        assert runner.run(test).failed == 0


@pytest.mark.parametrize("name", VERBS.values())
def test_every_verb_takes_a_store_by_name_or_open(name: str) -> None:
    annotation = inspect.signature(getattr(prunesweep, name), eval_str=True).parameters["store"].annotation
    assert {str, prunesweep.Store} <= {*annotation.__args__}


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert prunesweep.__version__ == project["version"]
    assert CliRunner().invoke(app, ["--version"]).stdout == f"prunesweep {project['version']}\n"


def test_an_unknown_name_is_an_attribute_error() -> None:
    name = "run_sweeps"
    with pytest.raises(AttributeError, match=f"module 'prunesweep' has no attribute '{name}'"):
        getattr(prunesweep, name)


def test_importing_it_imports_none_of_its_rooms() -> None:
    program = "import prunesweep, sys; print(dir(prunesweep)[-1], [n for n in sys.modules if 'prunesweep.' in n])"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "verify_robustness []"


def test_the_line_that_export_prints_loads_the_network(beside_a_store: Path) -> None:
    printed = CliRunner().invoke(app, ["export", "1d7dd2ef", "--to", "taken", "--store", "store"]).stdout
    folder, _, program = printed.strip().partition(": ")
    assert folder == "taken"
    names: dict[str, object] = {}
    exec(program, names)
    assert type(names["network"]).__name__ == "Network"
