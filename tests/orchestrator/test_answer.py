"""How analyses are answered: stored results are read without torch, missing ones are computed and stored one by one."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from prunesweep.orchestrator.analyses.answer import answer
from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.documents import TransferResult
from prunesweep.sweeps.analyses import Transfer
from prunesweep.sweeps.attacks import Fgsm
from tests.helpers import documents

ROOT = Path(__file__).resolve().parents[2]
STORE = ROOT / "tests" / "stores" / "version_0.1.0" / "store"
PRUNED = "1d7dd2efeebe5378b28b4b3a2fc13ca0"
STORED = {
    "elements": ["--trial", PRUNED, "--structure", "filters", "--modules", "layer1.0", "--images", "100"],
    "transfer": ["--sources", "dataset == digits", "--targets", "dataset == digits"],
    "verify-robustness": [PRUNED, "--images", "20", "--autoattack", "0"],
}
COMMAND = """
import sys
from prunesweep.orchestrator.cli import app

app(sys.argv[1:], standalone_mode=False)
print(sorted({"torch", "torchvision", "ray"} & set(sys.modules)))
"""


@pytest.mark.parametrize("command", STORED)
def test_an_analysis_whose_results_are_stored_imports_no_torch(command: str, tmp_path: Path) -> None:
    store = shutil.copytree(STORE, tmp_path / "store")
    before = sorted(path.name for path in (store / "results").iterdir())
    program = [sys.executable, "-c", COMMAND, command, *STORED[command], "--store", str(store)]
    printed = subprocess.run(program, check=True, text=True, capture_output=True, cwd=ROOT).stdout
    assert printed.splitlines()[-1] == "[]"
    assert sorted(path.name for path in (store / "results").iterdir()) == before


ANALYSES = [Transfer("source", target, "fgsm", Fgsm(), "images") for target in ("first", "second", "third")]


def computed(missing: Sequence[Transfer]) -> Iterator[TransferResult]:
    for analysis in missing:
        yield {**documents.transfer(analysis.source, analysis.target), "key": analysis.key}


def test_an_interrupted_answer_goes_on_where_it_stopped(tmp_path: Path) -> None:
    store = Store(str(tmp_path))

    def interrupted(missing: Sequence[Transfer]) -> Iterator[TransferResult]:
        yield from computed(missing[:1])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answer(store, ANALYSES, interrupted)
    assert store.table("transfer")["target_key"].tolist() == ["first"]
    stored: list[Transfer] = []
    asked: list[Transfer] = []

    def resumed(missing: Sequence[Transfer]) -> Iterator[TransferResult]:
        asked.extend(missing)
        return computed(missing)

    answers = answer(store, ANALYSES, resumed, report_stored=stored.extend)
    assert (stored, asked) == (ANALYSES[:1], ANALYSES[1:])
    assert answers.computed == 2
    assert [document["target_key"] for document in answers.results.values()] == ["first", "second", "third"]
    assert answer(store, ANALYSES, lambda missing: pytest.fail("computed again")).results == answers.results
    assert len(store.table("transfer")) == 3


def test_a_store_that_cannot_be_written_is_told_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(tmp_path / "store"))
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(StoreError, match="cannot be written"):
        answer(store, ANALYSES, lambda missing: pytest.fail("computed"))
