"""Printed tables: columns are left out by rank, what names a row is never cut, and every format has all data."""

import csv
import io
import json

import pandas as pd
import pytest
from rich.console import Console

from prunesweep.orchestrator.display.formats import TABLE_FORMATS, print_view
from prunesweep.orchestrator.display.table_view import TableView, ViewColumn, fit_columns

NAME = "resnet20 filters expected_abs 0.1 ×3 fine_tune (4 convolutions left with 1 filter)"
VIEW = TableView(
    title="Networks",
    columns=[
        ViewColumn("trial", ["3f2a91c0de +2", "9db76c2876"]),
        ViewColumn("network", [NAME, "resnet20 baseline"], wraps=True),
        ViewColumn("robustness", ["0.644 / 0.618", "0.500 / 0.400"], is_number=True, rank=1),
        ViewColumn("flops", ["17.11 M", "20.28 M"], is_number=True, rank=2),
        ViewColumn("seeds", ["", ""], is_number=True, rank=1),
        ViewColumn("epochs", ["12", "30"], is_number=True, rank=3),
    ],
    frame=pd.DataFrame({"trial_keys": [["3f2a91c0de", "b"], ["9db76c2876"]], "robustness": [0.644, None]}),
    notes=["The first is the knee."],
)


def printed(width: int, format: str = "table", view: TableView = VIEW) -> str:
    file = io.StringIO()
    print_view(view, Console(file=file, width=width), format)
    return file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 160])
def test_a_table_fits_and_cuts_no_name(width: int) -> None:
    lines = printed(width).splitlines()
    assert max(map(len, lines)) <= width
    shown = "".join(" ".join(lines).split())
    assert "3f2a91c0de" in shown and "9db76c2876" in shown and "+2" in shown
    words = " ".join(lines).split()
    assert [word for word in NAME.split() if word not in words] == []


def test_columns_are_left_out_by_rank_and_a_note_says_so() -> None:
    assert "Not shown at this width: epochs; --wide shows every column." in " ".join(printed(62).split())
    assert "Not shown at this width: flops and epochs; --wide" in " ".join(printed(52).split())
    assert "Not shown at this width: robustness, flops and epochs" in " ".join(printed(36).split())
    assert "Not shown" not in printed(80)


def test_a_column_without_text_takes_no_room() -> None:
    assert 4 not in fit_columns(VIEW.columns, 200)
    assert "seeds" not in printed(200)


def test_numbers_are_wrapped_at_words_before_a_column_of_rank_1_is_left_out() -> None:
    widths = fit_columns(VIEW.columns, 45)
    assert set(widths) == {0, 1, 2} and widths[2] < len("0.644 / 0.618")
    assert fit_columns(VIEW.columns, 60)[2] == len("0.644 / 0.618")


def test_wide_wraps_nothing() -> None:
    assert NAME in printed(40, "wide")


def test_csv_and_json_have_all_data() -> None:
    rows = list(csv.DictReader(io.StringIO(printed(40, "csv"))))
    assert rows == [
        {"trial_keys": "3f2a91c0de b", "robustness": "0.644"},
        {"trial_keys": "9db76c2876", "robustness": ""},
    ]
    assert json.loads(printed(40, "json"))[1] == {"trial_keys": ["9db76c2876"], "robustness": None}


def test_markdown_and_latex_have_every_column_and_escape_what_is_special() -> None:
    markdown = printed(40, "markdown")
    assert "| trial | network | robustness | flops | seeds | epochs |" in markdown and f"| {NAME} |" in markdown
    latex = printed(40, "latex")
    assert r"\begin{tabular}{llrrrr}" in latex and r"expected\_abs 0.1 $\times$3 fine\_tune" in latex


def test_latex_escapes_what_it_would_read_as_commands_and_spans_headings() -> None:
    texts = [r"a_b & c% $d #e {f} ~g ^h \i", "< 0.0001", "-1.20 … +3.40", "3f2-9a → ε | ×2 ±1"]
    view = TableView(
        "one\ntwo", [ViewColumn("x", texts), ViewColumn("y", texts)], VIEW.frame, headings={0: "A_1", 2: "B"}
    )
    lines = printed(40, "latex", view).splitlines()
    assert [line for line in lines if line.startswith("%")] == [
        r"% needs \usepackage{booktabs}, and amssymb for marks",
        "% one",
        "% two",
    ]
    rows = [line.partition(" & ")[0] for line in lines if " & " in line and not line.startswith("x")]
    assert rows == [
        r"a\_b \& c\% \$d \#e \{f\} \textasciitilde{}g \textasciicircum{}h \textbackslash{}i",
        "$<$ 0.0001",
        r"$-$1.20 \ldots{} +3.40",
        r"3f2-9a $\rightarrow$ $\varepsilon$ \textbar{} $\times$2 $\pm$1",
    ]
    spanning = [index for index, line in enumerate(lines) if line.startswith(r"\multicolumn{2}{l}{")]
    assert lines[spanning[0]] == r"\multicolumn{2}{l}{A\_1} \\" and lines[spanning[1] - 1] == r"\addlinespace"
    assert all(line.endswith(r"\\") for line in lines if " & " in line)


def test_headings_stand_above_their_rows_in_every_format() -> None:
    view = TableView("", [ViewColumn("figure", ["a", "b"])], VIEW.frame, headings={0: "first", 1: "second"})
    for format in ("table", "markdown", "latex"):
        text = printed(40, format, view)
        assert text.index("first") < text.index("a", text.index("first")) < text.index("second")


def test_a_table_without_rows_has_its_columns() -> None:
    empty = TableView("None", [ViewColumn("trial", [])], VIEW.frame.iloc[:0])
    assert "trial" in printed(40, "table", empty)
    assert all(printed(40, format, empty) for format in TABLE_FORMATS)
