"""Reading and writing of YAML by the core schema of YAML 1.2 instead of PyYAML's YAML 1.1.

In the core schema ``010`` is ten, and ``1:30``, ``1_000``, ``2026-11-27``, ``no`` and ``on`` are words. Merge keys
(``<<``) are kept, although only YAML 1.1 has them.
"""

import math
import re
from typing import Any

import yaml

_TAG = "tag:yaml.org,2002:"
STRING_TAG, MERGE_TAG = f"{_TAG}str", f"{_TAG}merge"
_WHOLE = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_REAL = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
# For each type of unquoted scalar: its tag, its pattern and its possible first characters. The first match counts.
_RESOLVERS = (
    (f"{_TAG}null", re.compile(r"~|null|Null|NULL|"), [*"~nN", ""]),
    (f"{_TAG}bool", re.compile(r"true|True|TRUE|false|False|FALSE"), [*"tTfF"]),
    (f"{_TAG}int", _WHOLE, [*"-+0123456789"]),
    (f"{_TAG}float", _REAL, [*"-+.0123456789"]),
    (MERGE_TAG, re.compile(r"<<"), ["<"]),
)


class CoreLoader(yaml.SafeLoader):
    """A loader of YAML by the core schema that creates only words, numbers, booleans, nulls, lists and mappings."""


class CoreDumper(yaml.SafeDumper):
    """A dumper whose YAML means the same in the core schema and in YAML 1.1.

    A word that either of the two would read as another type is quoted.
    """


def _construct_whole_number(loader: CoreLoader, node: yaml.ScalarNode) -> int:
    """Return the value of a scalar with the tag ``int``."""
    text = _matching_text(loader, node, _WHOLE, "whole number")
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


def _construct_float(loader: CoreLoader, node: yaml.ScalarNode) -> float:
    """Return the value of a scalar with the tag ``float``."""
    text = _matching_text(loader, node, _REAL, "number").lower()
    if text.endswith((".inf", ".nan")):
        return math.nan if text == ".nan" else float(text.replace(".", ""))
    return float(text)


def _matching_text(loader: CoreLoader, node: yaml.ScalarNode, pattern: re.Pattern[str], kind: str) -> str:
    """Check that the text of a scalar matches the pattern of its tag, and return the text.

    It may not match if the tag is explicit, as in ``!!int x``.

    Args:
        loader: the loader.
        node: the scalar.
        pattern: the pattern of the tag.
        kind: what the text should be, for the message.

    Raises:
        ConstructorError: the text does not match the pattern.
    """
    text = str(loader.construct_scalar(node))
    if pattern.fullmatch(text) is None:
        raise yaml.constructor.ConstructorError(None, None, f"{text!r} is not a {kind}", node.start_mark)
    return text


CoreLoader.yaml_implicit_resolvers = {}  # without the resolvers of YAML 1.1
for _tag, _pattern, _first_characters in _RESOLVERS:
    _anchored = re.compile(rf"(?:{_pattern.pattern})\Z")  # PyYAML matches from the beginning, but not to the end
    CoreLoader.add_implicit_resolver(_tag, _anchored, _first_characters)
    CoreDumper.add_implicit_resolver(_tag, _anchored, _first_characters)
CoreLoader.add_constructor(f"{_TAG}int", _construct_whole_number)
CoreLoader.add_constructor(f"{_TAG}float", _construct_float)


def dump(value: Any) -> str:
    """Return a value as YAML text, with the keys of mappings in their order.

    A value that YAML cannot express raises ``yaml.YAMLError``.
    """
    text: str = yaml.dump(value, Dumper=CoreDumper, sort_keys=False, allow_unicode=True)
    return text


def flow_text(value: Any) -> str:
    """Return a value as YAML on one line, such as ``[0.5, 0.5]``, to be put after a key.

    A value that YAML cannot express raises ``yaml.YAMLError``.
    """
    text: str = yaml.dump(value, Dumper=CoreDumper, default_flow_style=True, allow_unicode=True, width=math.inf)
    return text.removesuffix("...\n").rstrip("\n")
