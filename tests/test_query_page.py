"""The page on questions to a store: every block runs, and pandas and SQL give the same rows."""

import random
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from prunesweep import Store, query
from prunesweep.orchestrator.query.conditions import parse_constraints, parse_filters
from prunesweep.results_store.documents import Count, EvaluationResult, NetworkResult
from prunesweep.sweeps.keys import key_of
from tests.helpers.documents import TOTAL, evaluation, failure, network, settings
from tests.helpers.pages import ROOT, Page, commands_of

duckdb = pytest.importorskip("duckdb")

PAGE = Page(ROOT / "docs" / "query.md")
COMMANDS, PREAMBLE, *BLOCKS = PAGE.blocks
QUESTIONS = list(zip(BLOCKS[:-1:2], BLOCKS[1:-1:2], strict=True))
FILES = BLOCKS[-1]

UNPRUNED = {"structure": "none", "criterion": "none", "ratio": 0.0}
BASELINE = {**UNPRUNED, "adjustment": "none", "iterations": 0}
KINDS = ("fog", "frost", "snow")


class RandomStore:
    """Stores trials of two architectures, criteria, ratios and seeds, with random results."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.draw = random.Random(7)

    def fill(self) -> None:
        for architecture in ("resnet20", "vgg16"):
            for seed in (0, 1):
                self.family(architecture, seed)
        broken = self.key(architecture="resnet56", seed=0, **BASELINE)
        relations = {"parent_key": None, "baseline_key": broken, "control_key": None}
        about = settings(architecture="resnet56", **BASELINE)
        self.store.save_failure(failure(broken, "training diverged", settings=about, **relations))
        for criterion in ("l1", "pls"):
            child = self.key(architecture="resnet56", criterion=criterion)
            about = settings(architecture="resnet56", criterion=criterion)
            told = f"its ancestor {broken} (resnet56 baseline seed 0) failed: training diverged"
            relations = {"parent_key": broken, "baseline_key": broken, "control_key": None}
            self.store.save_failure(failure(child, told, settings=about, ancestor=broken, **relations))

    def family(self, architecture: str, seed: int) -> None:
        baseline = self.trial(
            {"architecture": architecture, "seed": seed, **BASELINE}, None, None, None, flops=10_000_000
        )
        control = self.trial(
            {"architecture": architecture, "seed": seed, **UNPRUNED}, baseline, baseline, None, flops=10_000_000
        )
        for criterion in ("l1", "pls"):
            for ratio in (0.1, 0.2):
                parent = baseline
                for iterations in (1, 2):
                    about = {"architecture": architecture, "criterion": criterion, "ratio": ratio, "seed": seed}
                    flops = round(10_000_000 * (1 - ratio) ** iterations) + self.draw.randint(0, 400_000)
                    parent = self.trial({**about, "iterations": iterations}, parent, baseline, control, flops=flops)

    def key(self, **given: Any) -> str:
        return key_of("trial", dict(settings(**given)))

    def trial(
        self, about: dict[str, Any], parent: str | None, baseline: str | None, control: str | None, *, flops: int
    ) -> str:
        key = self.key(**about)
        history: Any = [
            {"epoch": epoch, "loss": 1 / epoch, "accuracy": 0.5, "learning_rate": 0.1, "seconds": self.draw.random()}
            for epoch in range(1, 4)
        ]
        result: NetworkResult = network(
            key, parent_key=parent, baseline_key=baseline or key, control_key=control, settings=settings(**about),
            parameters=flops // 50, flops=flops, history=history,
        )  # fmt: skip
        self.store.save_result(result)
        for each in self.evaluations(key):
            self.store.save_result(each)
        return key

    def evaluations(self, key: str) -> list[EvaluationResult]:
        measures = {"logit_margin": 10 * self.draw.random(), "vanishing_gradients": 0.2 * self.draw.random()}
        made = [
            evaluation(key, "clean", self.correct(80), measures=measures),
            evaluation(key, "fgsm", self.correct(40), others=[self.count("fgsm", 0.25), self.count("fgsm", 0.75)]),
            evaluation(key, "pgd", self.correct(20)),
            evaluation(
                key, "corruptions", *(self.correct(50) for _ in KINDS), kinds=list(KINDS), headline_severity=5.0
            ),
        ]
        return [{**each, "key": key_of("evaluation", [key, each["attack"]])} for each in made]

    def correct(self, most: int) -> list[int]:
        halves = [self.draw.randint(most // 4, most // 2) for _ in range(2)]
        return [sum(halves), *halves]

    def count(self, kind: str, severity: float) -> Count:
        return {"kind": kind, "severity": severity, "correct": self.correct(TOTAL[0] // 2)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small store in it."""
    folder = tmp_path_factory.mktemp("questions")
    store = Store(str(folder / "store"))
    store.prepare()
    RandomStore(store).fill()
    store.refresh_tables()
    return folder


def normalized(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with Python's numbers and texts, and None for every kind of null."""
    values = rows.reset_index(drop=True).astype(object)
    return values.where(values.notna(), None)


def answer_of(text: str) -> pd.DataFrame:
    """What the blocks in pandas compute in the present folder."""
    names: dict[str, Any] = {}
    exec(f"{PREAMBLE.text}\n{text}", names)
    answer: pd.DataFrame = names["answer"]
    return answer


def test_the_page_has_ten_questions_in_both_languages() -> None:
    assert (COMMANDS.language, PREAMBLE.language, FILES.language) == ("sh", "python", "duckdb")
    assert [(pandas.language, sql.language) for pandas, sql in QUESTIONS] == [("python", "sql")] * 10
    assert len([heading for heading in PAGE.headings if heading.endswith("?")]) == 10


def test_every_condition_is_met_by_some_trials_and_not_by_all(folder: Path) -> None:
    trials = Store(str(folder / "store")).table("trials")
    words = [word for line in commands_of(COMMANDS, ["prunesweep"]) for word in shlex.split(line)]
    after = dict(pairwise(reversed(words)))  # the word before each word
    conditions = [word for word in words if " " in word]
    assert len(conditions) == 5
    for condition in conditions:
        parse = parse_constraints if after[condition] == "--constraint" else parse_filters
        (parsed,) = parse([condition], trials)
        assert 0 < parsed.matches(trials).sum() < len(trials), condition


@pytest.mark.parametrize(("in_pandas", "in_sql"), QUESTIONS, ids=[pandas.where for pandas, _ in QUESTIONS])
def test_pandas_and_sql_give_the_same_rows(
    folder: Path, monkeypatch: pytest.MonkeyPatch, in_pandas: Any, in_sql: Any
) -> None:
    monkeypatch.chdir(folder)
    expected = answer_of(in_pandas.text)
    assert len(expected) and not expected.isna().all(axis=None)
    pd.testing.assert_frame_equal(
        normalized(query("store", in_sql.text)), normalized(expected), check_dtype=False, check_column_type=False
    )


def test_duckdb_reads_the_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    rows = duckdb.connect().execute(FILES.text).fetchall()
    expected = pd.read_parquet("store/trials").groupby("architecture").size()
    assert rows == [*expected.items()]


def test_some_answers_by_hand(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    trials = pd.read_parquet("store/trials").set_index("trial_key")
    failed = answer_of(QUESTIONS[6][0].text)
    assert failed[["architecture", "error", "dependents"]].to_numpy().tolist() == [["resnet56", "training diverged", 2]]
    curve = answer_of(QUESTIONS[8][0].text)
    assert curve["severity"].tolist() == [0.25, 0.5, 0.75]
    best = str(trials[trials["structure"] != "none"]["robustness"].idxmax())
    baseline = str(trials.loc[best, "baseline_key"])
    headline = curve[["pruned", "baseline"]].to_numpy()[1].tolist()
    assert headline == [trials.loc[best, "robustness_fgsm"], trials.loc[baseline, "robustness_fgsm"]]
    assert answer_of(QUESTIONS[7][0].text)["epochs"].sum() == 3 * trials["error"].isna().sum()
