"""The documents: their links lead somewhere, and what they say to type works.

Each page of README and docs/ runs in a folder of its own with ``first_sweep.yaml``, the tutorial's sweep on less data,
and ``store``, on which that sweep has run. Blocks run in the order of the page:

- ``yaml``: a sweep file is parsed, as is a part of one, and the trial tree of a sweep of digits is grown;
- ``python``: the blocks of a page run one after another in one namespace;
- ``sh``, ``bash``, ``console``, and blocks without a language whose lines begin with a program: every command line is
  checked by the rules of ``CHECKS``, and those of prunesweep run, except those of ``PARSED_ONLY``.
"""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from fsspec.registry import known_implementations

import prunesweep
from prunesweep.orchestrator.analyses.robustness import verify
from prunesweep.orchestrator.cli import app
from prunesweep.results_store import Store
from prunesweep.sweeps import catalogue
from prunesweep.sweeps.analyses import Effort
from prunesweep.sweeps.reader import built_in_sweeps, parse_sweep, read_sweep
from prunesweep.sweeps.removable import removable_modules
from prunesweep.sweeps.tree import TrialTree, grow_tree
from tests.helpers.command import command
from tests.helpers.pages import ROOT, Block, Page, commands_of
from tests.helpers.parquet import picture
from tests.helpers.run_here import run_here

README, CONTRIBUTING = Page(ROOT / "README.md"), Page(ROOT / "CONTRIBUTING.md")
DOCS = [Page(path) for path in sorted((ROOT / "docs").glob("*.md"))]
TUTORIAL = Page(ROOT / "docs" / "tutorial.md")
PAGES = [README, *DOCS]
IDS = [page.name for page in PAGES]
# Pages whose blocks run elsewhere, because they need a store of their own: here, their commands are parsed.
TESTED_ELSEWHERE = {"docs/query.md": "tests/test_query_page.py"}
RUNNABLE = [page for page in PAGES if page.name not in TESTED_ELSEWHERE]

# The tutorial's sweep in seconds: networks that classify well enough for a verification, on few images.
LESS = (
    "dataset.train_limit=120",
    "dataset.test_limit=40",
    "baseline.epochs=5",
    "baseline.batch_size=20",
    "baseline.learning_rate=0.05",
    "adjustment.epochs=1",
    "adjustment.batch_size=20",
    "pruning.scoring_images=32",
    "attacks.fgsm.epsilons=[8/255]",
    "attacks.occlusion={sides: [8]}",
    "attacks.corruptions.kinds=[fog,contrast]",
)

# Keys that exist nowhere, and the trial that stands for each.
PLACEHOLDERS = {
    "3f2a91c0de": "resnet20 filters pls 0.3 ×1 fine_tune seed 0",
    "b07d41e6c2": "resnet20 layers pls 0.3 ×1 fine_tune seed 0",
}
VERIFIED = "resnet20 layers pls 0.3 ×1 fine_tune"
KEY = re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{10}\b")

# Commands of prunesweep that are parsed and not run, by what they contain.
PARSED_ONLY = {
    "--address": "there is no Ray cluster",
    "s3://": "there is no bucket",
    "--install-completion": "it changes the settings of the developer's shell",
    "run quickstart": "it takes minutes",
    "run paper/": "it takes an hour or more",
    "cifar10": "CIFAR-10 would have to be downloaded",
    "my_sweep.yaml": "it is a sweep of the reader's",
    "--trial KEY": "it is about a network that is not in the small store",
    "run first_sweep.yaml --set seeds=[0,1]": "the small store has one seed, and six more trials take ten seconds",
    "--store results": "it is a store of the reader's",
}
# What makes a command short; an option that is given twice has its last value.
SHORTER = {"verify-robustness": ["--images", "20", "--autoattack", "0"], "elements": ["--images", "10"]}
# What the small store's networks, which were hardly trained, cannot meet, and what replaces it.
EASIER = {"generalization_gain >= -1": "generalization_gain >= -100"}

SHELLS = ("sh", "bash", "console", "")  # without a language, only lines that begin with a program are commands
PART_OF_A_SWEEP = {
    "name": "name: part",
    "dataset": "dataset: {name: digits}",
    "baseline": "baseline: {epochs: 1}",
    "adjustment": "adjustment: {epochs: 1}",
    "axes": "axes: {architecture: resnet50}",
}


# ------------------------------------------------------------------------------------------------ links


@pytest.mark.parametrize("page", [*PAGES, CONTRIBUTING], ids=[*IDS, CONTRIBUTING.name])
def test_links_lead_somewhere(page: Page) -> None:
    dead = []
    for line, target in page.links:
        path, _, anchor = target.partition("#")
        file = (page.path.parent / path).resolve() if path else page.path
        if "://" not in target and (not file.exists() or (anchor and anchor not in Page(file).anchors)):
            dead.append(f"{page.name}:{line}: {target}")
    assert not dead


def test_every_page_is_named_in_the_readme() -> None:
    assert {f"docs/{page.path.name}" for page in DOCS} <= {target for _, target in README.links}


# ------------------------------------------------------------------------------------------------ names and numbers


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_printed_keys_are_those_of_the_quickstart_or_the_tutorial(page: Page) -> None:
    trees = [grow_tree(read_sweep("quickstart")), tutorial_tree("seeds=[0,1]")]
    known = {key[:10] for tree in trees for key in tree.trials} | PLACEHOLDERS.keys()
    assert {*KEY.findall(page.text)} <= known


@pytest.mark.parametrize(
    "registry", ["ARCHITECTURES", "CRITERIA", "ADJUSTMENTS", "RECIPES", "PRUNED_STRUCTURES", "EVALUATIONS"]
)
def test_every_name_of_a_sweep_has_a_heading(registry: str) -> None:
    headings = Page(ROOT / "docs" / "criteria-and-attacks.md").headings
    explained = {name for heading in headings for name in re.findall(r"`([^`]+)`", heading)}
    assert {part for name in getattr(catalogue, registry) for part in name.split("+")} <= explained


def test_every_data_set_has_a_heading() -> None:
    assert {f"`{name}`" for name in catalogue.DATASETS} <= {*Page(ROOT / "docs" / "data.md").headings}


def test_the_table_of_architectures_is_right() -> None:
    rows = []
    for name, entry in catalogue.ARCHITECTURES.items():
        whole = {stage: list(range(len(blocks))) for stage, blocks in entry.removable.stages}
        network = {"kept_filters": {}, "kept_blocks": whole}
        filters, blocks = (removable_modules(entry.removable, network, each) for each in ("filters", "layers"))
        rows.append(f"| `{name}` | {len(filters)} | {sum(filters.values()):,} | {len(blocks)} |")
    assert "\n".join(rows) in Page(ROOT / "docs" / "criteria-and-attacks.md").text


def test_the_tutorial_lists_the_built_in_sweeps() -> None:
    _, _, table = TUTORIAL.text.partition("| name | what it is |")
    assert {*re.findall(r"`([^`]+)`", table)} == {*built_in_sweeps()}


def test_every_function_has_an_example() -> None:
    page = Page(ROOT / "docs" / "python.md")
    code = "\n".join(block.text for block in page.blocks if block.language == "python")
    functions = {name for name in prunesweep.__all__ if name != "__version__"}
    assert {name for name in functions if not re.search(rf"\b{name}\(", code)} == set()


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_commands_in_sentences_exist(page: Page) -> None:
    """Commands in the middle of a sentence lack arguments, so that only their names and options are checked."""
    group: Any = typer.main.get_command(app)
    for name, *rest in (span.split()[1:] for span in page.spans if span.startswith("prunesweep ")):
        if name.isupper() or name.startswith("-"):
            continue
        assert name in group.commands, f"prunesweep has no command {name}"
        options = {option for parameter in group.commands[name].params for option in (*parameter.opts, "--help")}
        assert {word for word in rest if word.startswith("-")} <= options
    for span in page.spans:
        if span.startswith("pip install "):
            check_pip(shlex.split(span)[1:])


# ------------------------------------------------------------------------------------------------ what can be typed


def tutorial_sweep() -> str:
    return next(block.text for block in TUTORIAL.blocks if block.language == "yaml")


def tutorial_tree(*overrides: str) -> TrialTree:
    return grow_tree(parse_sweep(tutorial_sweep(), overrides))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with ``first_sweep.yaml``, with less data, ``store``, on which it has run, and some ``photos``.

    One network is verified already, with little effort, so that the pages that verify it read the verdict.
    """
    folder = tmp_path_factory.mktemp("desk")
    less = parse_sweep(tutorial_sweep(), LESS)
    (folder / "first_sweep.yaml").write_text(yaml.safe_dump(less.model_dump(mode="json", exclude_unset=True)))
    keys = run_here(less, Store(str(folder / "store")))
    for number, (split, animal) in enumerate(product(("train", "test"), ("cat", "dog"))):
        (folder / "photos" / split / animal).mkdir(parents=True)
        (folder / "photos" / split / animal / "0.png").write_bytes(picture(number))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "Effort", partial(Effort, steps=2, restarts=1, queries=2, subset=10))
        verify.verify_robustness(str(folder / "store"), [keys[VERIFIED]], images=20, autoattack=0)
        yield folder


@pytest.fixture(scope="module")
def small_keys(desk: Path) -> dict[str, str]:
    """Return the keys of the small store's trials by the printed keys that stand for them."""
    by_description = {trial.describe(): trial.key[:10] for trial in grow_tree(read_sweep(desk / "first_sweep.yaml"))}
    printed = {trial.key[:10]: trial.describe() for trial in tutorial_tree()} | PLACEHOLDERS
    return {key: by_description[description] for key, description in printed.items()}


@pytest.fixture
def at_the_desk(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Change to a copy of the folder, in which a page may write."""
    shutil.copytree(desk, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")


@pytest.mark.parametrize("name", TESTED_ELSEWHERE)
def test_commands_of_pages_that_run_elsewhere_exist(name: str) -> None:
    assert Path(name).name in (ROOT / TESTED_ELSEWHERE[name]).read_text(encoding="utf-8")
    for block in Page(ROOT / name).blocks:
        for line in commands_of(block, ["prunesweep"]) if block.language in SHELLS else ():
            parse_arguments(shlex.split(line, comments=True)[1:])


@pytest.mark.usefixtures("at_the_desk")
@pytest.mark.parametrize("page", RUNNABLE, ids=[page.name for page in RUNNABLE])
def test_what_a_page_says_to_type_works(page: Page, small_keys: dict[str, str]) -> None:
    names: dict[str, object] = {}
    for block in page.blocks:
        text = KEY.sub(lambda key: small_keys.get(key[0], key[0]), block.text)
        for hard, easy in EASIER.items():
            text = text.replace(hard, easy)
        check_block(Block(block.where, block.language, text), names)


def test_no_reason_for_parsing_alone_is_out_of_date() -> None:
    blocks = [block for page in RUNNABLE for block in page.blocks if block.language in SHELLS]
    lines = "\n".join(line.replace("'", "") for block in blocks for line in commands_of(block, CHECKS.keys()))
    assert [part for part in PARSED_ONLY if part not in lines] == []


def check_block(block: Block, names: dict[str, object]) -> None:
    """Run what a block says, or check it if it cannot run here; the pytest report names the block."""
    __tracebackhide__ = False
    print(f"\n{block.where}")
    if block.language == "yaml":
        check_yaml(block.text)
    elif block.language == "python":
        exec(compile(block.text, block.where, "exec"), names)
    elif block.language in SHELLS:
        if block.language in ("sh", "bash"):
            subprocess.run(["bash", "-n", "-c", block.text], check=True)
        for line in commands_of(block, CHECKS.keys()):
            check_line(line)
    else:
        raise AssertionError(f"{block.where}: no rule for {block.language}")


def check_yaml(text: str) -> None:
    given = yaml.safe_load(text) or {}
    lines = [line for key, line in PART_OF_A_SWEEP.items() if key not in given]
    sweep = parse_sweep("\n".join([text, *lines]))
    if sweep.dataset.name == "digits" and "name" in given:
        grow_tree(sweep)


def check_line(line: str) -> None:
    """Check a line of a shell, of which each part between ``&&``, ``|`` and the like is a command."""
    print(line)
    line = re.sub(r"\$\(+[^()]*\)+|\$\w+", "1", line)  # results of commands, and variables
    words = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    words.whitespace_split, words.commenters = True, "#"
    part: list[str] = []
    for word in [*words, ";"]:
        if not set(word) <= set("|&;"):
            part.append(word)
            continue
        if part:
            check_command(part)
        part = []


def check_command(words: Sequence[str]) -> None:
    """Check one command with its redirections and the programs that start it."""
    words = [*words]
    if ">" in words:
        words = words[: words.index(">")]
    while words and (words[0] in STARTERS or re.fullmatch(r"[A-Za-z_]+=.*", words[0])):
        words = STARTERS.get(words[0], following)(words[1:])
    if words:
        program = Path(words[0]).name
        assert program in CHECKS, f"no rule for {program}"
        CHECKS[program](words[1:])


def check_prunesweep(arguments: Sequence[str]) -> None:
    line = " ".join(arguments)
    parse_arguments(arguments)
    if any(part in line for part in PARSED_ONLY):
        return
    ran = command(*arguments, *SHORTER.get(arguments[0] if arguments else "", ()))
    assert ran.exit_code == 0, ran.output


def parse_arguments(arguments: Sequence[str]) -> None:
    """Check that prunesweep has this command and these options."""
    group: Any = typer.main.get_command(app)
    if not arguments or arguments[0].startswith("-"):
        assert {*arguments} <= {name for parameter in group.params for name in (*parameter.opts, "--help")}
        return
    name, *rest = arguments
    assert name in group.commands, f"prunesweep has no command {name}"
    group.commands[name].make_context(name, [*rest])


def check_ray(arguments: Sequence[str]) -> None:
    from ray.scripts.scripts import cli

    name, *rest = arguments
    cli.commands[name].make_context(name, [*rest])


def check_pip(arguments: Sequence[str]) -> None:
    """Check that extras exist, and that other packages are those that fsspec names for a kind of store."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    hints = " ".join(entry.get("err", "") for entry in known_implementations.values())
    assert arguments[0] == "install"
    for package in (each for each in arguments[1:] if not each.startswith("-")):
        extra = re.fullmatch(r"(?:\.|prunesweep)\[(\w+)\]", package)
        assert extra[1] in extras if extra else package in hints, package


def check_python(arguments: Sequence[str]) -> None:
    if arguments[:2] == ["-m", "pip"]:
        check_pip(arguments[2:])
    elif arguments[0] == "-c":
        ast.parse(arguments[1])
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    else:
        assert arguments == ["-m", "venv", ".venv"], arguments


def check_make(arguments: Sequence[str]) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in arguments), arguments


def check_docker(arguments: Sequence[str]) -> None:
    """Check the file of an image, and what the image runs: prunesweep, or the program of ``--entrypoint``."""
    if arguments[0] == "build":
        assert (ROOT / arguments[arguments.index("-f") + 1]).is_file()
        return
    inside = [*arguments[arguments.index("prunesweep") + 1 :]]
    program = arguments[arguments.index("--entrypoint") + 1] if "--entrypoint" in arguments else "prunesweep"
    CHECKS[program](inside)


def check_nothing(arguments: Sequence[str]) -> None:
    """Programs of the shell and of the system, whose arguments are not ours."""


CHECKS: dict[str, Callable[[Sequence[str]], None]] = {
    "prunesweep": check_prunesweep,
    "ray": check_ray,
    "pip": check_pip,
    "python": check_python,
    "python3": check_python,
    "make": check_make,
    "docker": check_docker,
    **dict.fromkeys(("source", "sleep"), check_nothing),
}


def following(words: list[str]) -> list[str]:
    """Return the command behind a variable that is set, or behind a word that only starts it."""
    return words


def following_options(words: list[str]) -> list[str]:
    """Return the command behind the options of the program that starts it."""
    return words[next(index for index, word in enumerate(words) if not word.startswith("-")) :]


def nothing(words: list[str]) -> list[str]:
    """Return that no command follows."""
    return []


# Words that start the command behind them, or set variables for it.
STARTERS: dict[str, Callable[[list[str]], list[str]]] = {
    "exec": following,
    "export": nothing,
    "srun": following_options,
}
