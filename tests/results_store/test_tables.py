"""The tables: what pandas reads, the rules for rows, and every number against one computed by hand."""

import shutil
from collections.abc import Iterable
from io import BytesIO
from itertools import permutations
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pandas as pd
import pyarrow.parquet as pq
import pytest

from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.documents import Document, NetworkResult, invalid_reason
from prunesweep.results_store.schema import SCHEMA_VERSION, TABLES
from prunesweep.sweeps.trial import TrialSettings
from tests.helpers.documents import baseline, control, evaluation, failure, network, settings, transfer

# Correct images of three trials after a sweep, of 100 test images, 50 in each half.
CLEAN = {"base": [80, 42, 38], "control": [84, 42, 42], "pruned": [82, 40, 42]}
FGSM = {"base": [20, 10, 10], "control": [24, 14, 10], "pruned": [30, 20, 10]}
FOG = {"base": [50, 25, 25], "control": [50, 25, 25], "pruned": [60, 30, 30]}
SNOW = {"base": [30, 10, 20], "control": [40, 20, 20], "pruned": [50, 25, 25]}
NETWORKS = {"base": baseline(), "control": control(), "pruned": network()}


def evaluations(key: str, **given: Any) -> list[Document]:
    """A trial's three evaluations; the corruptions have one count at a severity that is not the headline."""
    others = [{"kind": "fog", "severity": 1.0, "correct": [99, 49, 50]}]
    return [
        evaluation(key, "clean", CLEAN[key], **given),
        evaluation(key, "fgsm", FGSM[key], **given),
        evaluation(
            key,
            "corruptions",
            FOG[key],
            SNOW[key],
            kinds=["fog", "snow"],
            headline_severity=5.0,
            others=others,
            **given,
        ),
    ]


def a_sweep() -> list[Document]:
    return [document for key, stored in NETWORKS.items() for document in (stored, *evaluations(key))]


def fill(store: Store, documents: Iterable[Document]) -> Store:
    """Store documents and refresh the tables, as a sweep does."""
    store.prepare()
    for document in documents:
        if document["kind"] == "failure":
            store.save_failure(document)
        else:
            store.save_result(document)
    store.refresh_tables()
    return store


def read(store: Store, table: str) -> pd.DataFrame:
    """Read a table as a user does, with pandas alone."""
    return pd.read_parquet(f"{store.url}/{table}")


def row(store: Store, key: str = "pruned") -> "pd.Series[Any]":
    """The one row of a trial."""
    trials = read(store, "trials").set_index("trial_key")
    found = trials.loc[key]
    assert isinstance(found, pd.Series)
    return found


# What pandas reads

MIXES: dict[str, list[Document]] = {
    "no trials": [],
    "only failures": [failure("one"), failure("two")],
    "attacks not run": [baseline(), evaluation("base", "clean", CLEAN["base"])],
    "networks alone": [baseline(), network()],
    "all together": [*a_sweep(), failure("failed")],
}


@pytest.mark.parametrize("documents", MIXES.values(), ids=MIXES)
def test_pandas_reads_every_column_with_its_type_whatever_is_stored(store: Store, documents: list[Document]) -> None:
    fill(store, documents)
    for table, columns in TABLES.items():
        frame = read(store, table)
        assert list(frame.columns) == [column.name for column in columns]
        for column in columns:
            whole = not frame[column.name].isna().any()  # to pandas, whole numbers with nulls are floats
            kinds = {"string": "O", "double": "f", "int64": "i" if whole else "f", "bool": "b" if whole else "O"}
            kind = kinds[str(column.type)]
            assert frame[column.name].dtype.kind == kind, column.name


@pytest.mark.parametrize("documents", MIXES.values(), ids=MIXES)
def test_types_units_and_meanings_are_in_the_schema(store: Store, documents: list[Document]) -> None:
    fill(store, documents)
    for table, columns in TABLES.items():
        schema = pq.read_schema(BytesIO(store.objects.get(f"{table}/{table}.parquet")))
        assert schema.metadata[b"schema"] == str(SCHEMA_VERSION).encode()
        for column, field in zip(columns, schema, strict=True):
            assert (field.name, field.type) == (column.name, column.type)
            assert field.metadata == {b"unit": column.unit.encode(), b"meaning": column.meaning.encode()}


def test_columns_have_units() -> None:
    units = {column.name: column.unit for columns in TABLES.values() for column in columns}
    assert units["robustness_fgsm_gain_over_control_report"] == "p.p."
    assert (units["generalization"], units["flops"], units["seconds"]) == ("share", "operations", "s")


def test_a_temporary_file_of_a_killed_writer_is_ignored(tmp_path: Path) -> None:
    store = fill(Store(str(tmp_path)), a_sweep())
    (tmp_path / "trials" / ".trials.parquet.0123").write_bytes(b"half a tab")
    assert len(read(store, "trials")) == 3


def test_the_store_returns_the_same_tables_as_pandas(store: Store) -> None:
    fill(store, [*a_sweep(), failure("failed")])
    for table in TABLES:
        pd.testing.assert_frame_equal(store.table(table), read(store, table))


# Rows


def test_a_trial_is_one_row_with_its_settings_and_measurements(store: Store) -> None:
    fill(store, [*a_sweep(), *a_sweep(), failure("failed"), failure("failed", "again")])
    assert read(store, "trials")["trial_key"].tolist() == ["base", "control", "failed", "pruned"]
    found = row(store).to_dict()
    assert settings().items() <= found.items()
    assert (found["parent_key"], found["baseline_key"], found["control_key"]) == ("base", "base", "control")
    assert (found["parameters"], found["filters_removed"], found["epochs_total"]) == (1000, 4, 6)
    assert (found["logit_margin"], found["vanishing_gradients"]) == (2.5, 0.25)
    assert found["seconds"] == 3.0 + 3 * 0.5
    assert pd.isna(found["error"])


def test_documents_without_a_recipe_have_the_recipe_plain(store: Store) -> None:
    described = dict(settings())
    del described["recipe"]
    old = cast(TrialSettings, described)
    documents: list[Document] = [network(settings=old), failure("failed", settings=old)]
    assert all(invalid_reason(document) is None and "plain_key" not in document for document in documents)
    trials = read(fill(store, documents), "trials")
    assert trials["recipe"].tolist() == ["plain", "plain"]
    assert trials["plain_key"].isna().all()


def test_attacks_has_one_row_per_trial_attack_kind_and_severity(store: Store) -> None:
    attacks = read(fill(store, a_sweep()), "attacks")
    counts = attacks[attacks["trial_key"] == "pruned"][["attack", "kind", "severity", "correct"]]
    assert counts.to_records(index=False).tolist() == [
        ("clean", "clean", 0.0, 82),
        ("corruptions", "fog", 1.0, 99),
        ("corruptions", "fog", 5.0, 60),
        ("corruptions", "snow", 5.0, 50),
        ("fgsm", "fgsm", 0.5, 30),
    ]
    halves = ["total", "correct_selection", "total_selection", "correct_report", "total_report"]
    assert attacks.iloc[-1][halves].tolist() == [100, 20, 50, 10, 50]
    assert attacks["accuracy"].tolist() == (attacks["correct"] / attacks["total"]).tolist()


def test_history_has_one_row_per_epoch(store: Store) -> None:
    history = read(fill(store, [network()]), "history")
    (found,) = history.to_dict("records")
    dynamics = {name: found.pop(name) for name in ("gradient_confusion", "layer_rotation")}
    assert found == {"trial_key": "pruned", **network()["history"][0]}
    assert all(pd.isna(value) for value in dynamics.values())


def test_history_contains_the_dynamics_if_they_were_recorded(store: Store) -> None:
    epoch = {**network()["history"][0], "gradient_confusion": -0.25, "layer_rotation": 0.5}
    (found,) = read(fill(store, [network(history=[epoch])]), "history").to_dict("records")
    assert (found["gradient_confusion"], found["layer_rotation"]) == (-0.25, 0.5)


# Failures


def test_a_failed_trial_is_a_row_with_its_error_and_settings(store: Store) -> None:
    found = row(fill(store, [failure("pruned", "no memory")]))
    assert found["error"] == "no memory"
    assert (found["criterion"], found["control_key"]) == ("l1", "control")
    assert pd.isna(found["generalization"])


def test_the_latest_of_several_failures_is_shown(store: Store) -> None:
    fill(store, [failure(error="second", finished_at=2.0), failure(error="first", finished_at=1.0)])
    assert row(store)["error"] == "second"


def test_a_trial_that_failed_under_attack_keeps_its_other_results(store: Store) -> None:
    fill(
        store,
        [network(), evaluation("pruned", "clean", CLEAN["pruned"]), failure(error="no gradient", failed="pruned-fgsm")],
    )
    assert (row(store)["error"], row(store)["generalization"]) == ("no gradient", 0.82)


SUCCESS: list[Document] = [
    network(),
    evaluation("pruned", "clean", CLEAN["pruned"]),
    evaluation("pruned", "fgsm", FGSM["pruned"]),
]


@pytest.mark.parametrize("order", list(permutations(range(4))))
@pytest.mark.parametrize("failed_at", [0.0, 9.0])
def test_a_success_replaces_a_failure_and_never_the_other_way(order: tuple[int, ...], failed_at: float) -> None:
    documents = [*SUCCESS, failure(finished_at=failed_at)]
    store = fill(Store(f"memory://{uuid4().hex}"), [documents[index] for index in order])
    assert pd.isna(row(store)["error"])
    assert row(store)["robustness"] == 0.3


def test_a_failure_counts_until_its_result_is_stored(store: Store) -> None:
    fill(store, [*SUCCESS, failure(failed="pruned-fgsm-with-more-epsilons", finished_at=9.0)])
    assert (row(store)["error"], row(store)["robustness"]) == ("out of memory", 0.3)
    fill(store, [evaluation("pruned", "fgsm", FGSM["pruned"], key="pruned-fgsm-with-more-epsilons")])
    assert pd.isna(row(store)["error"])


def test_a_sweeps_own_table_shows_its_own_attacks_and_failures(store: Store) -> None:
    later = evaluation("pruned", "fgsm", [1, 0, 1], key="later", finished_at=9.0)
    fill(store, [*SUCCESS, later, failure(failed="of-a-later-sweep", finished_at=9.5)])
    store.save_sweep("first", "", {"result_keys": {"pruned": ["pruned", "pruned-clean", "pruned-fgsm"]}})
    (own,) = store.table_of_sweep("trials", "first").to_dict("records")
    assert own["robustness_fgsm"] == 0.3 and pd.isna(own["error"])
    assert (row(store)["robustness_fgsm"], row(store)["error"]) == (0.01, "out of memory")


# Accuracies and gains against values computed by hand


def test_robustness_is_the_mean_over_attacks_of_the_mean_over_kinds_at_their_headlines(store: Store) -> None:
    found = row(fill(store, a_sweep()))
    assert (found["generalization"], found["generalization_selection"], found["generalization_report"]) == (
        82 / 100,
        40 / 50,
        42 / 50,
    )
    assert found["robustness_fgsm"] == 30 / 100
    assert found["robustness_corruptions"] == (60 + 50) / 200
    assert found["robustness_corruptions_selection"] == (30 + 25) / 100
    assert found["robustness"] == pytest.approx((0.30 + 0.55) / 2)
    assert found["robustness_selection"] == pytest.approx((20 / 50 + 55 / 100) / 2)
    assert found["robustness_report"] == pytest.approx((10 / 50 + 55 / 100) / 2)
    assert pd.isna(found["robustness_occlusion"])


def test_gains_are_percentage_points_over_baseline_and_control(store: Store) -> None:
    found = row(fill(store, a_sweep()))
    assert found["generalization_gain"] == pytest.approx(82 - 80)
    assert found["generalization_gain_over_control"] == pytest.approx(82 - 84)
    assert found["generalization_gain_selection"] == pytest.approx(2 * (40 - 42))
    assert found["generalization_gain_report"] == pytest.approx(2 * (42 - 38))
    assert found["robustness_fgsm_gain"] == pytest.approx(30 - 20)
    assert found["robustness_fgsm_gain_over_control_report"] == pytest.approx(0)
    assert found["robustness_corruptions_gain"] == pytest.approx(55 - 40)
    assert found["robustness_gain"] == pytest.approx(42.5 - 30)
    assert found["robustness_gain_over_control"] == pytest.approx(42.5 - (24 + 45) / 2)
    assert pd.isna(found["robustness_occlusion_gain"])


def test_a_control_has_gains_over_its_baseline_and_a_baseline_none(store: Store) -> None:
    fill(store, a_sweep())
    assert row(store, "control")["generalization_gain"] == pytest.approx(4)
    for gain in ("generalization_gain", "robustness_gain", "generalization_gain_over_control"):
        assert pd.isna(row(store, "base")[gain])
    assert pd.isna(row(store, "control")["generalization_gain_over_control"])


def test_gains_of_a_defended_baseline_are_over_the_plain_one_and_those_of_its_children_over_it(store: Store) -> None:
    defended_settings = settings(
        recipe="cutout", structure="none", criterion="none", adjustment="none", iterations=0, ratio=0.0
    )
    defended = {**baseline("defended"), "plain_key": "base", "settings": defended_settings}
    child = network("child", parent_key="defended", baseline_key="defended", control_key=None, plain_key="base")
    clean = [evaluation("defended", "clean", [86, 44, 42]), evaluation("child", "clean", [87, 43, 44])]
    fgsm = [evaluation("defended", "fgsm", [25, 15, 10]), evaluation("child", "fgsm", [24, 14, 10])]
    fill(store, [*a_sweep(), cast("Document", defended), child, *clean, *fgsm])
    found, below = row(store, "defended"), row(store, "child")
    assert (found["recipe"], found["plain_key"]) == ("cutout", "base")
    assert found["generalization_gain"] == pytest.approx(86 - 80)
    assert found["robustness_fgsm_gain_report"] == pytest.approx(0)
    assert pd.isna(found["generalization_gain_over_control"])
    assert below["plain_key"] == "base"
    assert below["generalization_gain"] == pytest.approx(87 - 86)
    assert below["robustness_fgsm_gain"] == pytest.approx(24 - 25)


def test_without_its_control_a_trial_has_gains_over_the_baseline_alone(store: Store) -> None:
    found = row(fill(store, [d for d in a_sweep() if "control" not in (d["key"], d.get("trial_key"))]))
    assert found["robustness_gain"] == pytest.approx(12.5)
    assert pd.isna(found["robustness_gain_over_control"])


def test_robustness_is_not_compared_across_definitions(store: Store) -> None:
    other = evaluation("base", "fgsm", FGSM["base"], headline="at 0.1", finished_at=3.0)
    found = row(fill(store, [*(document for document in a_sweep() if document["key"] != "base-fgsm"), other]))
    assert found["robustness_definition"] == "fgsm at 0.5; corruptions at 5"
    assert row(store, "base")["robustness_definition"] == "fgsm at 0.1; corruptions at 5"
    assert pd.isna(found["robustness_gain"]) and pd.isna(found["robustness_fgsm_gain"])
    assert pd.notna(found["robustness_corruptions_gain"])
    assert found["generalization_gain"] == pytest.approx(2)
    assert found["robustness_gain_over_control"] == pytest.approx(8)


def of_all_severities(trial_key: str, *correct: int, **given: Any) -> Document:
    """An evaluation of corruptions in which all severities count: fog and snow at 1 and 5."""
    cells = [("fog", 1.0), ("fog", 5.0), ("snow", 1.0), ("snow", 5.0)]
    counts = [
        {"kind": kind, "severity": severity, "correct": [count, count // 2, count // 2]}
        for (kind, severity), count in zip(cells, correct, strict=True)
    ]
    document = evaluation(trial_key, "corruptions", kinds=[], **given)
    changes = {"counts": counts, "headline": "at 1, 5", "headline_severity": None}
    return document | changes  # type: ignore[return-value]  # to mypy, a union of TypedDicts is a dict


def test_where_all_severities_count_robustness_is_the_mean_over_them(store: Store) -> None:
    measures = {"corruption_accuracy": 0.6, "mce": 71.5, "relative_mce": 99.0}
    evaluated = [
        of_all_severities("base", 80, 40, 60, 20),
        of_all_severities("pruned", 90, 60, 70, 20, measures=measures),
    ]
    found = row(fill(store, [baseline(), network(), *evaluated]))
    assert found["robustness_corruptions"] == found["robustness"] == pytest.approx(0.6)
    assert found["robustness_corruptions_report"] == pytest.approx(0.6)
    assert found["robustness_corruptions_gain"] == pytest.approx(10)
    assert found["robustness_definition"] == "corruptions at 1, 5"
    assert found[list(measures)].to_dict() == measures
    assert row(store, "base")[list(measures)].isna().all()
    attacks = read(store, "attacks")
    assert attacks[attacks["trial_key"] == "base"]["accuracy"].tolist() == [0.8, 0.4, 0.6, 0.2]


def test_the_mean_over_all_severities_is_not_compared_with_a_single_severity(store: Store) -> None:
    documents = [*a_sweep(), of_all_severities("pruned", 90, 60, 70, 20, key="later", finished_at=9.0)]
    found = row(fill(store, documents))
    assert found["robustness_corruptions"] == pytest.approx(0.6)
    assert pd.isna(found["robustness_corruptions_gain"])
    assert pd.notna(found["robustness_fgsm_gain"])


def test_a_gain_outlives_another_attack_on_the_baseline(store: Store) -> None:
    before = row(fill(store, a_sweep()))["robustness_gain"]
    later = evaluation("base", "fgsm", FGSM["base"], headline="at 0.1", key="later", finished_at=9.0)
    assert row(fill(store, [later]))["robustness_gain"] == before


def test_nothing_is_compared_across_test_images(store: Store) -> None:
    documents = [network(), baseline(), *evaluations("pruned"), *evaluations("base", test_fingerprint="others")]
    found = row(fill(store, documents))
    assert found["generalization"] == 0.82
    assert found.filter(like="_gain").isna().all()


# Evaluations of one trial that overlap


def test_an_evaluation_on_other_test_images_replaces_all_accuracies_of_the_trial(store: Store) -> None:
    later = evaluation(
        "pruned", "clean", [5, 3, 2], key="later", total=[10, 5, 5], test_fingerprint="others", finished_at=9.0
    )
    found = row(fill(store, [*a_sweep(), later]))
    assert (found["generalization"], found["test_fingerprint"]) == (0.5, "others")
    assert pd.isna(found["robustness"])
    assert pd.isna(found["robustness_definition"])
    attacks = read(store, "attacks")
    assert attacks[attacks["trial_key"] == "pruned"]["total"].tolist() == [10]
    assert len(attacks[attacks["trial_key"] == "base"]) == 5


def test_two_evaluations_by_one_attack_on_the_same_images_give_the_union_of_their_severities(store: Store) -> None:
    weaker = [{"kind": "fgsm", "severity": severity, "correct": [70, 35, 35]} for severity in (0.1, 0.25)]
    again = evaluation("pruned", "fgsm", FGSM["pruned"], others=weaker, key="again", finished_at=9.0)
    attacks = read(fill(store, [*SUCCESS, again]), "attacks")
    assert attacks[attacks["attack"] == "fgsm"]["severity"].tolist() == [0.1, 0.25, 0.5]
    assert len(read(store, "trials")) == 1


# Refreshing


def test_tables_are_refreshed_only_if_results_are_missing_from_them(store: Store) -> None:
    fill(store, a_sweep())
    assert not store.refresh_tables()
    store.save_result(network("new"))
    assert store.refresh_tables()
    assert "new" in read(store, "trials")["trial_key"].tolist()
    assert not Store(store.url).refresh_tables()


def test_a_refresh_reads_only_the_results_that_are_new(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(store, a_sweep())
    store.save_result(network("new"))
    names: list[str] = []
    get = store.objects.get

    def recording_get(name: str) -> bytes:
        names.append(name)
        return get(name)

    monkeypatch.setattr(store.objects, "get", recording_get)
    store.refresh_tables()
    assert [name for name in names if name.startswith("results/")] == ["results/new.json"]


def test_reading_a_table_does_not_create_a_store(store: Store) -> None:
    assert store.table("trials").empty
    assert not store.objects.has("")


def test_reading_a_table_refreshes_it(store: Store) -> None:
    store.save_result(network())
    assert store.table("trials")["trial_key"].tolist() == ["pruned"]


DAMAGE = {
    "missing": None,
    "empty": b"",
    "not Parquet": b"PAR1 rubbish",
    "text": b"x" * 200,
}


@pytest.mark.parametrize("rubbish", DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize("path", ["index/results.parquet", *(f"{table}/{table}.parquet" for table in TABLES)])
def test_a_missing_or_damaged_table_or_index_is_rebuilt(store: Store, path: str, rubbish: bytes | None) -> None:
    fill(store, a_sweep())
    before = {table: read(store, table) for table in TABLES}
    if rubbish is None:
        store.objects.delete(path)
    else:
        store.objects.put(path, rubbish)
    store.save_result(network("new"))
    store.refresh_tables()
    for table in TABLES:
        after = read(store, table)
        key = after.columns[0]  # the trial key
        pd.testing.assert_frame_equal(after[after[key] != "new"].reset_index(drop=True), before[table])


def test_a_damaged_table_is_rebuilt_without_new_results(store: Store) -> None:
    fill(store, a_sweep())
    store.objects.put("trials/trials.parquet", b"rubbish")
    assert len(store.table("trials")) == 3


def test_a_table_with_the_columns_of_an_older_version_is_rebuilt(store: Store) -> None:
    fill(store, a_sweep())
    table = pq.read_table(BytesIO(store.objects.get("trials/trials.parquet")))
    older = BytesIO()
    pq.write_table(table.drop_columns(["flops"]), older)
    store.objects.put("trials/trials.parquet", older.getvalue())
    assert store.refresh_tables()
    assert "flops" in read(store, "trials").columns


def test_a_deleted_result_disappears_from_the_tables(store: Store) -> None:
    fill(store, a_sweep())
    store.objects.delete("results/pruned.json")
    assert store.table("trials")["trial_key"].tolist() == ["base", "control"]


def test_a_read_only_store_can_be_read(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    for document in a_sweep():
        store.save_result(cast("NetworkResult", document))
    archive = shutil.make_archive(str(tmp_path / "archive"), "zip", tmp_path / "store")
    read_only = Store(f"zip://::{archive}")
    with pytest.raises(StoreError, match="cannot be written"):
        read_only.prepare()
    pd.testing.assert_frame_equal(read_only.table("trials"), store.table("trials"))


# Transfers, single elements and verdicts


def test_a_transfer_is_one_row_per_pair(store: Store) -> None:
    found = read(fill(store, [transfer("b", "a", 40), transfer("a", "b", 60)]), "transfer")
    assert found[["source_key", "target_key", "correct", "accuracy"]].values.tolist() == [
        ["a", "b", 60, 0.6],
        ["b", "a", 40, 0.4],
    ]


def test_an_element_is_one_row_per_attack_with_its_gain(store: Store) -> None:
    document: Document = {
        "kind": "elements",
        "key": "elements",
        "trial_key": "base",
        "structure": "filters",
        "module": "layer1.0.conv1",
        "elements": [0, 3],
        "attacks": [
            {"attack": "clean", "headline": "", "severity": 0.0, "correct": [80, 70], "reference": 75, "total": 100},
            {
                "attack": "fgsm",
                "headline": "at 8/255",
                "severity": 0.03,
                "correct": [20, 31],
                "reference": 25,
                "total": 100,
            },
        ],
        "images": 100,
        "test_fingerprint": "images",
        "seconds": 1.0,
        "finished_at": 3.0,
    }
    found = read(fill(store, [document]), "elements")
    assert found[["element", "attack", "gain"]].values.tolist() == [
        [0, "clean", 5.0],
        [3, "clean", -5.0],
        [0, "fgsm", -5.0],
        [3, "fgsm", 6.0],
    ]


def verdict(
    name: str, finished_at: float, alarms: list[str], *, images: int = 100, version: int = 1, autoattack: int = 0
) -> Document:
    return {
        "kind": "verdict",
        "key": name,
        "trial_key": "pruned",
        "baseline_key": "base",
        "control_key": "control",
        "verdict": name,
        "gain": 1.0,
        "lower": 0.5,
        "gain_over_control": None,
        "lower_over_control": None,
        "images": images,
        "alarms": alarms,
        "evidence": {"effort": {"autoattack": autoattack}},
        "version": version,
        "test_fingerprint": "images",
        "seconds": 1.0,
        "finished_at": finished_at,
    }


def test_a_trials_latest_verdict_counts(store: Store) -> None:
    documents = [verdict("holds", 4.0, []), verdict("undecided", 3.0, ["one", "two"])]
    (found,) = read(fill(store, documents), "verdicts").to_dict("records")
    assert found["verdict"] == "holds" and pd.isna(found["alarms"])


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({"images": 300}, {"images": 20}),
        ({"images": 20, "version": 2}, {"images": 300}),
        ({"autoattack": 50}, {}),
    ],
)
def test_a_verdict_on_less_evidence_never_replaces_one_on_more(
    store: Store, more: dict[str, int], less: dict[str, int]
) -> None:
    documents = [verdict("undecided", 3.0, [], **more), verdict("holds", 4.0, [], **less)]
    (found,) = read(fill(store, documents), "verdicts").to_dict("records")
    assert found["verdict"] == "undecided"
