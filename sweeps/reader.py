"""Reading of sweep files: turns YAML and ``key=value`` overrides into a ``Sweep`` or a one-line error."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from numbers import Real
from os import PathLike
from pathlib import Path, PurePath
from typing import Any, TypeGuard, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.names import nearest_name, unknown_name
from prunesweep.sweeps.paths import expand_home
from prunesweep.sweeps.words import counted
from prunesweep.sweeps.yaml_core import MERGE_TAG, STRING_TAG, CoreLoader, dump

_BUILT_IN_FOLDER = Path(__file__).parent

# Besides its own errors, PyYAML raises others for explicit tags whose value does not fit (!!bool x, !!timestamp x).
# Python raises a ValueError for numbers of thousands of digits, and nesting is limited by recursion alone.
_YAML_ERRORS = (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError)

KeyPath = tuple[str | int, ...]
SweepSource = str | PathLike[str] | Mapping[str, Any]
"""The name of a built-in sweep, the path of a sweep file, or a mapping with the contents of such a file."""


def built_in_sweeps() -> dict[str, Path]:
    """Return the paths of the built-in sweeps' files, by the name that ``prunesweep run NAME`` takes."""
    files = [*sorted(_BUILT_IN_FOLDER.glob("*.yaml")), *sorted(_BUILT_IN_FOLDER.glob("paper/*.yaml"))]
    return {path.relative_to(_BUILT_IN_FOLDER).with_suffix("").as_posix(): path for path in files}


def find_sweep(name_or_path: str | PathLike[str]) -> Path:
    """Return the path of a sweep file, which is given by its path or by the name of a built-in sweep.

    Raises:
        SweepError: there is neither a file of this path nor a built-in sweep of this name.
    """
    path = Path(expand_home(name_or_path))
    with suppress(OSError, ValueError):  # not a possible path: too long, or with a null character
        if path.is_file():
            return path
    names, name = built_in_sweeps(), str(name_or_path)
    if name in names:
        return names[name]
    guess = nearest_name(name, names)
    hint = f"; did you mean {guess!r}?" if guess else "."
    raise SweepError(f"{name_or_path}: no such sweep file{hint} Built in: {', '.join(names)}")


def read_sweep(sweep: SweepSource, overrides: Sequence[str] = ()) -> Sweep:
    """Read and check a sweep.

    A mistake raises ``SweepError`` with a message of one line: the file, the line, the key and what is allowed there.

    Args:
        sweep: the name of a built-in sweep, the path of a sweep file, or a mapping with the contents of such a file.
        overrides: changes, each as ``dotted.key=value`` with a YAML value.
    """
    text = sweep_text(sweep)
    if isinstance(sweep, Mapping):
        return parse_sweep(text, overrides, has_lines=False)
    return parse_sweep(text, overrides, source=find_sweep(sweep).name)


def sweep_text(sweep: SweepSource) -> str:
    """Return a sweep as YAML: the text of its file, or the mapping written as YAML.

    Raises:
        SweepError: there is no such file, or the mapping holds a value that YAML cannot express.
    """
    if isinstance(sweep, Mapping):
        try:
            return dump(_to_yaml_types(sweep))
        except yaml.YAMLError as error:
            raise SweepError(f"sweep: {error.args[-1]!r} is not a word, number, list or mapping") from None
    path = find_sweep(sweep)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SweepError(f"{path}: cannot be read: {error}") from None


def _to_yaml_types(value: Any) -> Any:
    """Convert tuples, paths, fractions and the numbers of NumPy, pandas and torch in a value to types of YAML."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {key: _to_yaml_types(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_to_yaml_types(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    if callable(getattr(value, "tolist", None)):  # of NumPy, pandas and torch
        return value.tolist()
    return float(value) if isinstance(value, Real) else value


def parse_sweep(text: str, overrides: Sequence[str] = (), *, source: str = "sweep", has_lines: bool = True) -> Sweep:
    """Read and check the YAML text of a sweep, as ``read_sweep`` does.

    Args:
        text: the YAML.
        overrides: changes, each as ``dotted.key=value`` with a YAML value.
        source: what each error message begins with, such as the name of the file.
        has_lines: whether error messages name lines of the text.

    Raises:
        SweepError: the sweep has a mistake; the message is one line with the source, the line, the key and what is
            allowed there.
    """
    try:
        document, locations = _parse_yaml(text, _KeyLocations(source, has_lines))
        for override in overrides:
            _apply_override(override, document, locations)
        return Sweep.model_validate(document)
    except ValidationError as errors:
        raise SweepError(_one_line(_error_message(errors.errors(), document, locations))) from None
    except SweepError as error:
        raise SweepError(_one_line(str(error))) from None


def _one_line(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines())


class _KeyLocations:
    """The origin of each key of a sweep, for error messages: a line of the file, or an override."""

    def __init__(self, source: str, has_lines: bool) -> None:
        self.source = source
        self._has_lines = has_lines
        self._locations: dict[KeyPath, str] = {}

    def line(self, mark: yaml.Mark) -> str:
        """Return ``SOURCE:LINE`` for a position in the text, or the source alone if errors do not name lines."""
        return f"{self.source}:{mark.line + 1}" if self._has_lines else self.source

    def add(self, key_path: KeyPath, location: str) -> None:
        self._locations[key_path] = location

    def replace(self, key_path: KeyPath, location: str) -> None:
        """Set the location of a key, and drop the locations of all keys below it."""
        self._locations = {
            known_path: line for known_path, line in self._locations.items() if known_path[: len(key_path)] != key_path
        }
        self._locations[key_path] = location

    def find(self, key_path: KeyPath) -> str:
        """Return the location of a key, or else that of the nearest enclosing block with a recorded location."""
        for length in range(len(key_path), 0, -1):
            if key_path[:length] in self._locations:
                return self._locations[key_path[:length]]
        return self.source


def _parse_yaml(text: str, locations: _KeyLocations) -> tuple[dict[str, Any], _KeyLocations]:
    try:
        root = yaml.compose(text, Loader=CoreLoader)
        document = yaml.load(text, Loader=CoreLoader)
    except _YAML_ERRORS as error:
        mark = getattr(error, "problem_mark", None)
        location = locations.line(mark) if mark else locations.source
        raise SweepError(f"{location}: not YAML: {_yaml_problem(error)}") from None
    if not isinstance(document, dict) or root is None:
        raise SweepError(f"{locations.source}: a sweep is a mapping of keys (name, dataset, baseline, axes, …)")
    _record_lines(root, (), locations)
    return document, locations


def _yaml_problem(error: Exception) -> str:
    text = str(getattr(error, "problem", None) or error)
    return f"{text}; use spaces" if "'\\t'" in text else text


def _record_lines(
    node: yaml.Node, key_path: KeyPath, locations: _KeyLocations, enclosing: tuple[yaml.Node, ...] = ()
) -> None:
    """Record the lines of all keys below a node.

    Args:
        node: a mapping, a list or a single value.
        key_path: the key path of the node.
        locations: receives the lines.
        enclosing: the nodes that contain this one.

    Raises:
        SweepError: a key is not a word, occurs twice, or has an alias to a block that contains it.
    """
    if node in enclosing:
        raise SweepError(f"{locations.find(key_path)}: {_dotted(key_path)}: refers to a block that contains it")
    enclosing = (*enclosing, node)
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            line, value_path = locations.line(key.start_mark), (*key_path, key.value)
            if key.tag not in (STRING_TAG, MERGE_TAG):
                raise SweepError(f"{line}: {_dotted(value_path)}: a key must be a word, not a number or another value")
            if key.value in names:
                raise SweepError(f"{line}: {_dotted(value_path)}: the key occurs twice")
            names.add(key.value)
            locations.add(value_path, line)
            _record_lines(value, value_path, locations, enclosing)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            locations.add((*key_path, index), locations.line(value.start_mark))
            _record_lines(value, (*key_path, index), locations, enclosing)


def _apply_override(override: str, document: dict[str, Any], locations: _KeyLocations) -> None:
    """Apply one ``dotted.key=value`` to the document, creating missing blocks.

    Raises:
        SweepError: the override is malformed, or its key path leads into a value that contains no keys, or past the end
            of a list.
    """
    dotted, equals, value_text = override.partition("=")
    location = f"--set {dotted}"
    if not equals or not dotted:
        raise SweepError(f"--set {override}: write it as key=value, for example --set baseline.epochs=3")
    value = _override_value(value_text, location)
    *parents, last = [int(part) if part.isdecimal() else part for part in dotted.split(".")]
    block: Any = document
    key_path: KeyPath = ()
    for part in parents:
        if isinstance(block, dict) and isinstance(part, str) and block.get(part) is None:
            block[part] = {}
            locations.replace((*key_path, part), location)
        block = _enter(block, part, key_path, location)
        key_path = (*key_path, part)
    if not isinstance(block, dict) or isinstance(last, int):
        _enter(block, last, key_path, location)
    block[last] = value
    locations.replace((*key_path, last), location)


def _override_value(text: str, location: str) -> Any:
    """Return the value of one override, after checking any keys in this value like those of a file.

    Raises:
        SweepError: the text is not YAML, or a key in it is invalid.
    """
    try:
        root = yaml.compose(text, Loader=CoreLoader)
        value = yaml.load(text, Loader=CoreLoader)
    except _YAML_ERRORS:
        raise SweepError(f"{location}: {text!r} is not a YAML value") from None
    if root is not None:
        _record_lines(root, (), _KeyLocations(location, has_lines=False))
    return value


def _enter(block: Any, part: str | int, key_path: KeyPath, location: str) -> Any:
    """Return the item of a block that the next part of a key path names.

    Args:
        block: the value at ``key_path``.
        part: the next part: a key of a mapping, or an index of a list.
        key_path: the key path so far.
        location: what an error message begins with.

    Raises:
        SweepError: the block is a single value, a mapping although the part is an index, or a list without this index.
    """
    if isinstance(block, dict) and isinstance(part, str):
        return block[part]
    name = _dotted(key_path)
    if not isinstance(block, list):
        raise SweepError(f"{location}: {name} is {'not a list' if isinstance(part, int) else 'a value without keys'}")
    length = counted(len(block), "item")
    if isinstance(part, str):
        raise SweepError(f"{location}: {name} is a list of {length}; give the number of one, such as {name}.0.{part}")
    if part >= len(block):
        raise SweepError(f"{location}: {name} is a list of {length}, counted from 0")
    return block[part]


def _error_message(errors: Iterable[ErrorDetails], document: Mapping[str, Any], locations: _KeyLocations) -> str:
    """Return a message for the most important of pydantic's errors, with the number of further mistakes."""
    first, *others = sorted((error for error in errors if not _follows_from_another(error)), key=_rank)
    key_path = _to_key_path(first["loc"], document)
    more = f" (and {counted(len(others), 'more mistake')})" if others else ""
    reason = _reason(first, key_path)
    if not key_path:  # an error of the whole sweep: its reason begins with a key
        return f"{_prefix_location(locations.find(_leading_key_path(reason)), reason)}{more}"
    return f"{_prefix_location(locations.find(key_path), f'{_dotted(key_path)}: {reason}')}{more}"


def _prefix_location(location: str, line: str) -> str:
    """Put the location of a key before a line that begins with this key.

    The key is omitted if the location is an override of the same key.
    """
    key, colon, rest = line.partition(": ")
    return f"{location}:{colon and ' '}{rest}" if colon and location == f"--set {key}" else f"{location}: {line}"


def _leading_key_path(reason: str) -> KeyPath:
    return tuple(reason.partition(":")[0].split("."))


def _follows_from_another(error: ErrorDetails) -> bool:
    """Return whether an error reports a list as too short only because some of the list's values are invalid."""
    return error["type"] == "too_short" and bool(error["input"])


def _rank(error: ErrorDetails) -> int:
    """Return the rank of an error: misspelt keys come first, because they often cause the error of a missing key."""
    return 0 if error["type"] == "extra_forbidden" else 1


def _reason(error: ErrorDetails, key_path: KeyPath) -> str:
    """Return what is wrong and what is allowed, in words that do not assume knowledge of pydantic."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_name(str(error["loc"][-1]), "a key here", _allowed_keys(error["loc"]))
    if kind == "missing" and isinstance(error["loc"][-1], int):
        return f"has too few values: {_short_repr(error['input'])}"
    if kind == "too_long":
        return f"takes {counted(context['max_length'], 'value')}, not {context['actual_length']}"
    if kind == "missing":
        return f"is not set; give it in the file or with --set {_dotted(key_path)}=…"
    if kind == "literal_error":
        return unknown_name(error["input"], "allowed here", _split_names(str(context["expected"])))
    if kind == "union_tag_invalid":
        return unknown_name(context["tag"], "a data set", _split_names(str(context["expected_tags"])))
    if kind == "union_tag_not_found":
        return "give its name, for example name: digits"
    if kind in ("too_short", "missing_argument"):
        return "is empty; give at least one value"
    text = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return text
    if kind == "string_type" and isinstance(error["input"], bool | int | float):
        return f"should be a word, not {_short_repr(error['input'])}; put it in quotes"
    return f"{_TYPE_MESSAGES.get(kind) or f'{text[0].lower()}{text[1:]}'}, not {_short_repr(error['input'])}"


_TYPE_MESSAGES = {
    "model_type": "should be a block of keys",
    "model_attributes_type": "should be a block of keys",
    "tuple_type": "should be a list",
    "int_type": "should be a whole number",
    "string_type": "should be a word",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
}


def _short_repr(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _split_names(expected: str) -> list[str]:
    """Return the names in pydantic's enumeration ``'a', 'b' or 'c'``."""
    return [part.strip(" '") for part in expected.replace(" or ", ", ").split(",")]


def _to_key_path(location: tuple[str | int, ...], document: Any) -> KeyPath:
    """Return the key path in the sweep file for a location in a pydantic error.

    Steps that the file does not have are left out: union tags, and the index 0 of a single value given without a list.
    """
    key_path: KeyPath = ()
    value = document
    for index, step in enumerate(location):
        is_last = index == len(location) - 1
        if isinstance(value, dict):
            if step in value:
                value = value[step]
            elif is_last:
                return (*key_path, step)
            else:
                continue
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            continue
        key_path = (*key_path, step)
    return key_path


def _allowed_keys(location: tuple[str | int, ...]) -> list[str]:
    """Return the keys that are allowed in the block that contains the location of a pydantic error."""
    model: Any = Sweep
    for step in location[:-1]:
        model = _enter_model(model, step) or model
    return list(model.model_fields) if _is_block(model) else []


def _enter_model(model: Any, step: str | int) -> Any:
    """Return the class of the block that a step of a pydantic location leads to, or None if it leads to no block.

    Args:
        model: the class of a block, or a list of the classes of a union.
        step: a field of the block, or the tag of a member of the union.

    Returns:
        A list of classes if the field is a union of several blocks.
    """
    if not _is_block(model):  # the members of a union
        return next((member for member in model if _union_tag(member) == step), None)
    field = model.model_fields.get(str(step))
    blocks = _blocks_in(field.annotation) if field else []
    return blocks[0] if len(blocks) == 1 else blocks or None


def _is_block(model: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(model, type) and issubclass(model, BaseModel)


def _union_tag(model: type[BaseModel]) -> str | None:
    tags = get_args(model.model_fields["name"].annotation) if "name" in model.model_fields else ()
    return tags[0] if tags else None


def _blocks_in(annotation: Any) -> list[type[BaseModel]]:
    """Return the block classes in a type annotation, such as those of a union."""
    if _is_block(annotation):
        return [annotation]
    return [block for part in get_args(annotation) for block in _blocks_in(part)]


def _dotted(key_path: KeyPath) -> str:
    return ".".join(str(part) for part in key_path)
