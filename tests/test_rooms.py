"""The rooms: imports go one way, and each library is imported only where it may be."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("sweeps", "results_store", "workers", "orchestrator")  # each may import itself and those before it
FILES = sorted(path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.py"))
CLUSTER = Path("orchestrator/running/cluster")


def imported(file: Path) -> Iterator[str]:
    """The full names of the modules and objects that a file imports, at its top or on use."""
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_there_are_files_in_every_room() -> None:
    assert {file.parts[0] for file in FILES} == {*ROOMS}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_itself_and_the_rooms_below(room: str) -> None:
    allowed = ROOMS[: ROOMS.index(room) + 1]
    wrong = [
        (str(file), name)
        for file in FILES
        if file.parts[0] == room
        for name in imported(file)
        if name.startswith("prunesweep.") and name.split(".")[1] not in (*allowed, "__version__")
    ]
    assert not wrong


def test_torch_stays_above_the_store_and_ray_in_the_cluster() -> None:
    libraries = [(file, name.partition(".")[0]) for file in FILES for name in imported(file)]
    assert not [file for file, name in libraries if name == "torch" and file.parts[0] in ROOMS[:2]]
    assert not [file for file, name in libraries if name == "ray" and CLUSTER not in file.parents]


def test_nothing_private_of_a_library_is_imported() -> None:
    private = [
        (str(file), name)
        for file in FILES
        for name in imported(file)
        if not name.startswith(("prunesweep.", "__future__")) and any(part.startswith("_") for part in name.split("."))
    ]
    assert not private
