"""The blocks of a sweep file and their keys: what each key accepts, its default, and its meaning."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import AfterValidator
from pydantic.fields import FieldInfo

from prunesweep.sweeps.attacks import epsilon_text
from prunesweep.sweeps.catalogue import NONE
from prunesweep.sweeps.frozen_model import LIST_OR_SINGLE, FrozenModel
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.names import NamesValidator

JsonSchema = dict[str, Any]
"""A JSON schema, or a part of one."""

DEFINITIONS = "#/definitions/"
# What pydantic writes for constraints behind other validators, which is not part of JSON schema.
_KEYWORDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
_LEFT_OUT = ("title", "description", "default", "discriminator")


@dataclass(frozen=True)
class Key:
    """A key of a block of a sweep file.

    Attributes:
        name: the name of the key.
        schema: the JSON schema of its values as they are after reading: numbers are numbers, and ``anyOf`` has a single
            value beside the list if the brackets may be left out.
        is_required: whether the key must be given.
        default: the default as it is written in a sweep file; empty if there is none, or if it depends on other keys.
        meaning: the meaning, with names between single backticks.
    """

    name: str
    schema: JsonSchema
    is_required: bool
    default: str
    meaning: str


def keys_of(block: type[FrozenModel]) -> list[Key]:
    """Return the keys of a block in the order of the model.

    Args:
        block: the model of the block.
    """
    meanings = _meanings_of(block)
    properties = block.model_json_schema(ref_template=f"{DEFINITIONS}{{model}}")["properties"]
    return [
        Key(
            name=name,
            schema=_with_metadata(_standardised(properties[name]), field),
            is_required=field.is_required(),
            default="" if _is_everything(properties[name], field) else _default_text(field),
            meaning=meanings.get(name, ""),
        )
        for name, field in block.model_fields.items()
    ]


def blocks_in(annotation: Any) -> list[type[FrozenModel]]:
    """Return the models in a type annotation, such as those of a union or of a list."""
    if isinstance(annotation, type) and issubclass(annotation, FrozenModel):
        return [annotation]
    return [block for part in get_args(annotation) for block in blocks_in(part)]


def all_blocks(block: type[FrozenModel] = Sweep) -> list[type[FrozenModel]]:
    """Return a model and the models of all blocks below it, each once."""
    below = [inner for field in block.model_fields.values() for inner in blocks_in(field.annotation)]
    return list(dict.fromkeys([block, *(model for inner in below for model in all_blocks(inner))]))


def introduction_of(block: type[FrozenModel]) -> str:
    """Return what the docstring of a model says before its attributes, with names between single backticks."""
    return _single_backticks(inspect.getdoc(block) or "").partition("\n\nAttributes:")[0]


def _meanings_of(block: type[FrozenModel]) -> dict[str, str]:
    """Return the meanings of a block's keys, from the docstrings of its model and of the models that it inherits."""
    meanings: dict[str, str] = {}
    for model in reversed(block.__mro__):
        meanings |= dict(_documented_attributes(inspect.cleandoc(model.__doc__ or "")))
    return meanings


def _documented_attributes(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the meaning of each entry in the section ``Attributes:`` of a docstring."""
    section = _single_backticks(docstring).partition("\nAttributes:\n")[2].partition("\n\n")[0]
    for entry in re.split(r"\n(?= {4}\w)", section):
        name, _, meaning = entry.strip().partition(": ")
        yield name, " ".join(meaning.split())


def _single_backticks(text: str) -> str:
    return text.replace("``", "`")


def _standardised(schema: JsonSchema) -> JsonSchema:
    """Return one of pydantic's schemas with the keywords of JSON schema alone, and without what is told elsewhere."""
    standard: JsonSchema = {
        _KEYWORDS.get(keyword, keyword): _standardised_value(value)
        for keyword, value in schema.items()
        if keyword not in _LEFT_OUT
    }
    if standard.get("type") == "array":
        if "minLength" in standard:
            standard["minItems"] = standard.pop("minLength")
        if "prefixItems" in standard:
            standard["items"] = standard.pop("prefixItems")[0]  # three channels alike
    return standard


def _standardised_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _standardised(value)
    return [_standardised_value(item) for item in value] if isinstance(value, list) else value


def _with_metadata(schema: JsonSchema, field: FieldInfo) -> JsonSchema:
    """Return a schema after adding what only the validators of its field know: allowed names, and single values."""
    for validator in field.metadata:
        if isinstance(validator, AfterValidator) and isinstance(validator.func, NamesValidator):
            names = [*validator.func.allowed, None] if NONE in validator.func.allowed else [*validator.func.allowed]
            schema = {**schema, "items": {"enum": names}}
    return {"anyOf": [schema["items"], schema]} if LIST_OR_SINGLE in field.metadata else schema


def _default_text(field: FieldInfo) -> str:
    """Return the default of a field as it is written in a sweep file; empty for blocks, whose keys have defaults."""
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if default is None or isinstance(default, FrozenModel) or default == {}:
        return ""
    if isinstance(default, tuple) and LIST_OR_SINGLE in field.metadata and len(default) == 1:
        return _value_text(default[0])
    return _value_text(default)


def _is_everything(schema: JsonSchema, field: FieldInfo) -> bool:
    """Return whether the default of a list has all possible values, which its meaning says in a word."""
    return list(field.default) == schema.get("items", {}).get("enum") if isinstance(field.default, tuple) else False


def _value_text(value: Any) -> str:
    """Return a value as it is written in a sweep file: ``true``, ``8/255``, ``[0.5, 0.75]``."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else epsilon_text(value)
    return f"[{', '.join(map(_value_text, value))}]" if isinstance(value, tuple) else str(value)
