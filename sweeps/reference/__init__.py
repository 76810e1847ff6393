"""The reference of the sweep language, generated from its models: a page for people, and a JSON schema for editors."""

from prunesweep.sweeps.reference.editor_schema import json_schema, json_schema_text
from prunesweep.sweeps.reference.page import as_markdown

__all__ = ["as_markdown", "json_schema", "json_schema_text"]
