"""The rooms: imports go one way, each library is imported only where it may be, and each name is defined once."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
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


FOLDERS = sorted({folder for file in FILES for folder in file.parents if folder != Path()})


def module_file(name: str) -> Path | None:
    """The file of the product that a full name of a module, or of an object in one, leads to."""
    path = Path(*name.split(".")[1:])
    candidates = (file for step in (path, *path.parents) for file in (step.with_suffix(".py"), step / "__init__.py"))
    return next((file for file in candidates if file in FILES), None) if path.parts else None


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_no_import_runs_back_up_between_the_files_and_folders_of_a_folder(folder: Path) -> None:
    """Each file and each folder, with all below it, is a node: their imports of each other have an order."""
    graph: dict[str, set[str]] = defaultdict(set)
    for file in FILES:
        if folder not in file.parents or file == folder / "__init__.py":
            continue
        for name in imported(file):
            target = module_file(name) if name.startswith("prunesweep.") else None
            if target is None or folder not in target.parents or target == folder / "__init__.py":
                continue
            source, imports = file.relative_to(folder).parts[0], target.relative_to(folder).parts[0]
            if source != imports:
                graph[source].add(imports)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"{folder}: {' → '.join(error.args[1])}")


def public_definitions(file: Path) -> Iterator[str]:
    """The classes, type aliases and constants at the top of a file whose names are not private."""
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        names += [node.name] if isinstance(node, ast.ClassDef) else []
        yield from (name for name in names if name[0].isupper())


def test_no_public_class_alias_or_constant_is_defined_twice() -> None:
    found = defaultdict(list)
    for file in FILES:
        for name in public_definitions(file):
            found[name].append(str(file))
    del found["EXAMPLE"]  # the interface of a command's file
    assert len(found) > 300
    assert {name: files for name, files in found.items() if len(files) > 1} == {}


def test_nothing_private_of_a_library_is_imported() -> None:
    private = [
        (str(file), name)
        for file in FILES
        for name in imported(file)
        if not name.startswith(("prunesweep.", "__future__")) and any(part.startswith("_") for part in name.split("."))
    ]
    assert not private
