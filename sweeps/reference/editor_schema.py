"""The JSON schema of sweep files for editors: of what the reader accepts, not only of what it makes of it."""

import json

from prunesweep.sweeps.frozen_model import FrozenModel
from prunesweep.sweeps.numbers import NUMBER_PATTERN
from prunesweep.sweeps.reference.blocks import JsonSchema, all_blocks, keys_of

# The version that editors support best.
_DIALECT = "http://json-schema.org/draft-07/schema#"
_WORDS_FOR_FLAGS = [spelling for word in ("yes", "no", "on", "off") for spelling in (word, word.title(), word.upper())]


def json_schema() -> JsonSchema:
    """Return a JSON schema that accepts sweep files as people write them.

    Numbers may be written as fractions or decimals in text, flags as ``yes`` or ``off``, and single values without the
    brackets of a list. What concerns several keys at once is not part of the schema.
    """
    sweep, *blocks = all_blocks()
    return {
        "$schema": _DIALECT,
        "title": "A sweep file of prunesweep",
        **_block_schema(sweep),
        "definitions": {block.__name__: _block_schema(block) for block in blocks},
    }


def json_schema_text() -> str:
    """Return ``json_schema`` as text, which is the content of ``docs/sweep-files.schema.json``."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _block_schema(block: type[FrozenModel]) -> JsonSchema:
    """Return the JSON schema of one block."""
    keys = keys_of(block)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [key.name for key in keys if key.is_required],
        "properties": {key.name: {"description": key.meaning, **_as_written(key.schema)} for key in keys},
    }


def _as_written(schema: JsonSchema) -> JsonSchema:
    """Return the schema of the values that the reader accepts, given that of the values after reading."""
    if "$ref" in schema:
        return {"allOf": [schema]}  # because a description beside a reference would be ignored
    if schema.get("type") == "number":
        return {"anyOf": [schema, {"type": "string", "pattern": f"^{NUMBER_PATTERN}$"}]}
    if schema.get("type") == "boolean":
        return {"anyOf": [schema, {"enum": _WORDS_FOR_FLAGS}]}
    written = dict(schema)
    for keyword in ("anyOf", "oneOf"):
        if keyword in written:
            written[keyword] = [_as_written(alternative) for alternative in written[keyword]]
    for keyword in ("items", "additionalProperties"):
        if isinstance(written.get(keyword), dict):
            written[keyword] = _as_written(written[keyword])
    return written
