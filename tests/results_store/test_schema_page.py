"""The page that documents the tables is generated from the schema."""

from pathlib import Path

from prunesweep.results_store.schema import as_markdown


def test_the_documented_tables_are_the_schema() -> None:
    page = Path(__file__).parents[2] / "docs" / "tables.md"
    assert page.read_text(encoding="utf-8") == as_markdown(), (
        "write results_store.schema.as_markdown() to docs/tables.md"
    )
