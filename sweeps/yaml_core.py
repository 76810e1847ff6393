"""YAML as people write it: what a word stands for is told by YAML 1.2's core schema, and not by PyYAML's YAML 1.1.

By the core schema ``010`` is ten, and ``1:30``, ``1_000``, ``2026-11-27``, ``no`` and ``on`` are words. Of YAML 1.1
alone are merge keys (``<<``), which are kept.
"""

import math
import re
from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"
STRING, MERGE = f"{_TAG}str", f"{_TAG}merge"
_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_REAL = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
# The tag of a plain word, the form of such words, and what they can begin with; the first that fits counts.
_RESOLVERS = (
    (f"{_TAG}null", re.compile(r"~|null|Null|NULL|"), [*"~nN", ""]),
    (f"{_TAG}bool", re.compile(r"true|True|TRUE|false|False|FALSE"), [*"tTfF"]),
    (f"{_TAG}int", _WHOLE, [*"-+0123456789"]),
    (f"{_TAG}float", _REAL, [*"-+.0123456789"]),
    (MERGE, re.compile(r"<<"), ["<"]),
)


class CoreLoader(yaml.SafeLoader):
    """Reads YAML by the core schema; it makes nothing but words, numbers, lists and mappings."""


class CoreDumper(yaml.SafeDumper):
    """Writes YAML that means the same by the core schema and by YAML 1.1: what is no word to either is quoted."""


def _whole(loader: CoreLoader, node: yaml.ScalarNode) -> int:
    text = _text_of(loader, node, _WHOLE, "whole number")
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


def _real(loader: CoreLoader, node: yaml.ScalarNode) -> float:
    text = _text_of(loader, node, _REAL, "number").lower()
    if text.endswith((".inf", ".nan")):
        return math.nan if text == ".nan" else float(text.replace(".", ""))
    return float(text)


def _text_of(loader: CoreLoader, node: yaml.ScalarNode, form: re.Pattern[str], what: str) -> str:
    """The text of a scalar; one with an explicit tag need not have the tag's form."""
    text = str(loader.construct_scalar(node))
    if form.fullmatch(text) is None:
        raise yaml.constructor.ConstructorError(None, None, f"{text!r} is no {what}", node.start_mark)
    return text


CoreLoader.yaml_implicit_resolvers = {}  # none of YAML 1.1's
for _tag, _form, _beginnings in _RESOLVERS:
    _anchored = re.compile(rf"(?:{_form.pattern})\Z")  # PyYAML asks for a match from the beginning
    CoreLoader.add_implicit_resolver(_tag, _anchored, _beginnings)
    CoreDumper.add_implicit_resolver(_tag, _anchored, _beginnings)
CoreLoader.add_constructor(f"{_TAG}int", _whole)
CoreLoader.add_constructor(f"{_TAG}float", _real)


def dump(value: Any) -> str:
    """Return the YAML of a value, in the order of its keys. Raises: yaml.YAMLError for what YAML has no word for."""
    text: str = yaml.dump(value, Dumper=CoreDumper, sort_keys=False, allow_unicode=True)
    return text
