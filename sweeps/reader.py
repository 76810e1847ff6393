"""Reads a sweep file: YAML and ``key=value`` overrides in, a ``Sweep`` or one clear line out."""

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
from prunesweep.sweeps.names import nearest, unknown_name
from prunesweep.sweeps.paths import expanded
from prunesweep.sweeps.words import counted
from prunesweep.sweeps.yaml_core import MERGE, STRING, CoreLoader, dump

BUILT_IN = Path(__file__).parent

# PyYAML lets others than its own through for explicit tags whose value does not fit (!!bool x, !!timestamp x), Python a
# ValueError for numbers of thousands of digits; and both nest without a bound.
_YAML_ERRORS = (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError)

KeyPath = tuple[str | int, ...]
SweepSource = str | PathLike[str] | Mapping[str, Any]
"""A built-in sweep's name, the path of a sweep file, or a mapping of what such a file holds."""


def built_in_sweeps() -> dict[str, Path]:
    """The sweep files that come with the product, by the name that ``prunesweep run NAME`` takes."""
    files = [*sorted(BUILT_IN.glob("*.yaml")), *sorted(BUILT_IN.glob("paper/*.yaml"))]
    return {path.relative_to(BUILT_IN).with_suffix("").as_posix(): path for path in files}


def find_sweep(name_or_path: str | PathLike[str]) -> Path:
    """Return the file behind a built-in name or a path.

    Raises:
        SweepError: there is neither such a file nor such a name.
    """
    path = Path(expanded(name_or_path))
    with suppress(OSError, ValueError):  # what cannot be a path: too long, or with a null character
        if path.is_file():
            return path
    names, asked = built_in_sweeps(), str(name_or_path)
    if asked in names:
        return names[asked]
    guess = nearest(asked, names)
    hint = f"; did you mean {guess!r}?" if guess else "."
    raise SweepError(f"{name_or_path}: no such sweep file{hint} Built in: {', '.join(names)}")


def read_sweep(sweep: SweepSource, overrides: Sequence[str] = ()) -> Sweep:
    """Read and check a sweep.

    Args:
        sweep: the name of a built-in sweep, the path of a sweep file, or a mapping of what such a file holds.
        overrides: ``dotted.key=value`` with a YAML value each.

    Raises:
        SweepError: one line with the file, the line, the key and what is allowed there.
    """
    text = sweep_text(sweep)
    if isinstance(sweep, Mapping):
        return parse_sweep(text, overrides, has_lines=False)
    return parse_sweep(text, overrides, source=find_sweep(sweep).name)


def sweep_text(sweep: SweepSource) -> str:
    """Return the YAML of a sweep: the text of its file, or that of a mapping.

    Raises:
        SweepError: there is no such file, or the mapping holds what YAML has no word for.
    """
    if isinstance(sweep, Mapping):
        try:
            return dump(_plain(sweep))
        except yaml.YAMLError as error:
            raise SweepError(f"sweep: {error.args[-1]!r} is no word, number, list or mapping") from None
    path = find_sweep(sweep)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SweepError(f"{path}: cannot be read: {error}") from None


def _plain(value: Any) -> Any:
    """What people put in a mapping beside YAML's own types, as these: tuples, paths, NumPy's numbers, fractions."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [_plain(each) for each in value]
    if isinstance(value, PurePath):
        return str(value)
    if callable(getattr(value, "tolist", None)):  # of NumPy, pandas and torch
        return value.tolist()
    return float(value) if isinstance(value, Real) else value


def parse_sweep(text: str, overrides: Sequence[str] = (), *, source: str = "sweep", has_lines: bool = True) -> Sweep:
    """Read and check the YAML text of a sweep, as ``read_sweep`` does.

    Args:
        text: YAML.
        overrides: as of ``read_sweep``.
        source: stands before each message.
        has_lines: whether messages name lines of the text.
    """
    try:
        document, places = _parse_yaml(text, _KeyLocations(source, has_lines))
        for override in overrides:
            _apply(override, document, places)
        return Sweep.model_validate(document)
    except ValidationError as errors:
        raise SweepError(_one_line(_message(errors.errors(), document, places))) from None
    except SweepError as error:
        raise SweepError(_one_line(str(error))) from None


def _one_line(text: str) -> str:
    return " ".join(line.strip() for line in text.splitlines())


class _KeyLocations:
    """Where each key of a sweep came from: a line of the file, or an override."""

    def __init__(self, source: str, has_lines: bool) -> None:
        self.source = source
        self._has_lines = has_lines
        self._at: dict[KeyPath, str] = {}

    def line(self, mark: yaml.Mark) -> str:
        """Where in the text something stands."""
        return f"{self.source}:{mark.line + 1}" if self._has_lines else self.source

    def put(self, place: KeyPath, at: str) -> None:
        self._at[place] = at

    def replace(self, place: KeyPath, at: str) -> None:
        """As ``put``, and forgets what lay below."""
        self._at = {known: line for known, line in self._at.items() if known[: len(place)] != place}
        self._at[place] = at

    def of(self, place: KeyPath) -> str:
        """The nearest enclosing key whose place is known."""
        for length in range(len(place), 0, -1):
            if place[:length] in self._at:
                return self._at[place[:length]]
        return self.source


def _parse_yaml(text: str, places: _KeyLocations) -> tuple[dict[str, Any], _KeyLocations]:
    try:
        root = yaml.compose(text, Loader=CoreLoader)
        document = yaml.load(text, Loader=CoreLoader)
    except _YAML_ERRORS as error:
        mark = getattr(error, "problem_mark", None)
        where = places.line(mark) if mark else places.source
        raise SweepError(f"{where}: not YAML: {_problem(error)}") from None
    if not isinstance(document, dict) or root is None:
        raise SweepError(f"{places.source}: a sweep is a mapping of keys (name, dataset, baseline, axes, …)")
    _note_lines(root, (), places)
    return document, places


def _problem(error: Exception) -> str:
    text = str(getattr(error, "problem", None) or error)
    return f"{text}; use spaces" if "'\\t'" in text else text


def _note_lines(node: yaml.Node, place: KeyPath, places: _KeyLocations, above: tuple[yaml.Node, ...] = ()) -> None:
    if node in above:
        raise SweepError(f"{places.of(place)}: {_dotted(place)}: refers to a block that it is in itself")
    above = (*above, node)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = places.line(key.start_mark)
            if key.tag not in (STRING, MERGE):
                raise SweepError(f"{line}: {_dotted((*place, key.value))}: a key is a word, not a number or the like")
            if key.value in seen:
                raise SweepError(f"{line}: {_dotted((*place, key.value))}: the key stands here twice")
            seen.add(key.value)
            places.put((*place, key.value), line)
            _note_lines(value, (*place, key.value), places, above)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            places.put((*place, index), places.line(value.start_mark))
            _note_lines(value, (*place, index), places, above)


def _apply(override: str, document: dict[str, Any], places: _KeyLocations) -> None:
    """Sets one ``dotted.key=value`` in the document; blocks that are absent are made."""
    dotted, equals, value_text = override.partition("=")
    at = f"--set {dotted}"
    if not equals or not dotted:
        raise SweepError(f"--set {override}: write it as key=value, for example --set baseline.epochs=3")
    value = _override_value(value_text, at)
    *parents, last = [int(part) if part.isdecimal() else part for part in dotted.split(".")]
    here: Any = document
    place: KeyPath = ()
    for part in parents:
        if isinstance(here, dict) and isinstance(part, str) and here.get(part) is None:
            here[part] = {}
            places.replace((*place, part), at)
        here = _step(here, part, place, at)
        place = (*place, part)
    if not isinstance(here, dict) or isinstance(last, int):
        _step(here, last, place, at)
    here[last] = value
    places.replace((*place, last), at)


def _override_value(text: str, at: str) -> Any:
    """The value of one override; a mapping in it is held to the rules of the file's."""
    try:
        root = yaml.compose(text, Loader=CoreLoader)
        value = yaml.load(text, Loader=CoreLoader)
    except _YAML_ERRORS:
        raise SweepError(f"{at}: {text!r} is not a YAML value") from None
    if root is not None:
        _note_lines(root, (), _KeyLocations(at, has_lines=False))
    return value


def _step(here: Any, part: str | int, place: KeyPath, at: str) -> Any:
    if isinstance(here, dict) and isinstance(part, str):
        return here[part]
    what = _dotted(place)
    if not isinstance(here, list):
        raise SweepError(f"{at}: {what} is {'no list' if isinstance(part, int) else 'a value and has no keys'}")
    if isinstance(part, str):
        raise SweepError(f"{at}: {what} is a list of {len(here)}; name one by its number, for example {what}.0.{part}")
    if part >= len(here):
        raise SweepError(f"{at}: {what} is a list of {len(here)}, counted from 0")
    return here[part]


def _message(errors: Iterable[ErrorDetails], document: Mapping[str, Any], places: _KeyLocations) -> str:
    first, *others = sorted((error for error in errors if not _follows_from_another(error)), key=_rank)
    place = _in_document(first["loc"], document)
    more = f" (and {len(others)} more to mend)" if others else ""
    reason = _reason(first, place)
    if not place:  # of the sweep as a whole: the reason begins with the key that it is about
        return f"{_told_once(places.of(_place_named_in(reason)), reason)}{more}"
    return f"{_told_once(places.of(place), f'{_dotted(place)}: {reason}')}{more}"


def _told_once(at: str, line: str) -> str:
    """A line after the place that it is about; an override that set the very key names it already."""
    key, colon, rest = line.partition(": ")
    return f"{at}:{colon and ' '}{rest}" if colon and at == f"--set {key}" else f"{at}: {line}"


def _place_named_in(reason: str) -> KeyPath:
    return tuple(reason.partition(":")[0].split("."))


def _follows_from_another(error: ErrorDetails) -> bool:
    """A list that is too short only because its values are wrong."""
    return error["type"] == "too_short" and bool(error["input"])


def _rank(error: ErrorDetails) -> int:
    """A misspelt key first: a key that is missing is often the same mistake."""
    return 0 if error["type"] == "extra_forbidden" else 1


def _reason(error: ErrorDetails, place: KeyPath) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_name(str(error["loc"][-1]), "a key here", _keys_beside(error["loc"]))
    if kind == "missing" and isinstance(error["loc"][-1], int):
        return f"has too few values: {_shown(error['input'])}"
    if kind == "too_long":
        return f"takes {counted(context['max_length'], 'value')}, not {context['actual_length']}"
    if kind == "missing":
        return f"is not set; give it in the file or with --set {_dotted(place)}=…"
    if kind == "literal_error":
        return unknown_name(error["input"], "allowed here", _quoted(str(context["expected"])))
    if kind == "union_tag_invalid":
        return unknown_name(context["tag"], "a data set", _quoted(str(context["expected_tags"])))
    if kind == "union_tag_not_found":
        return "give its name, for example name: digits"
    if kind in ("too_short", "missing_argument"):
        return "is empty; give at least one value"
    text = error["msg"].removeprefix("Value error, ")
    if kind == "value_error":
        return text
    if kind == "string_type" and isinstance(error["input"], bool | int | float):
        return f"should be a word, not {_shown(error['input'])}; put it in quotes"
    return f"{_PLAIN_WORDS.get(kind) or f'{text[0].lower()}{text[1:]}'}, not {_shown(error['input'])}"


_PLAIN_WORDS = {
    "model_type": "should be a block of keys",
    "model_attributes_type": "should be a block of keys",
    "tuple_type": "should be a list",
    "int_type": "should be a whole number",
    "string_type": "should be a word",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _quoted(expected: str) -> list[str]:
    """The names in pydantic's ``'a', 'b' or 'c'``."""
    return [part.strip(" '") for part in expected.replace(" or ", ", ").split(",")]


def _in_document(location: tuple[str | int, ...], document: Any) -> KeyPath:
    """Pydantic's location without the steps that the file does not have: union tags, and lists left out for one."""
    place: KeyPath = ()
    here = document
    for index, step in enumerate(location):
        is_last = index == len(location) - 1
        if isinstance(here, dict):
            if step in here:
                here = here[step]
            elif is_last:
                return (*place, step)
            else:
                continue
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        else:
            continue
        place = (*place, step)
    return place


def _keys_beside(location: tuple[str | int, ...]) -> list[str]:
    """The keys that the block around ``location`` may have."""
    model: Any = Sweep
    for step in location[:-1]:
        model = _models_of(model, step) or model
    return list(model.model_fields) if _is_block(model) else []


def _models_of(model: Any, step: str | int) -> Any:
    """The block that a step of a location leads to: a field's block, or the tagged member of a union."""
    if not _is_block(model):  # the members of a union, by their tag
        return next((member for member in model if _tag(member) == step), None)
    field = model.model_fields.get(str(step))
    found = _blocks_in(field.annotation) if field else []
    return found[0] if len(found) == 1 else found or None


def _is_block(model: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(model, type) and issubclass(model, BaseModel)


def _tag(model: type[BaseModel]) -> str | None:
    tags = get_args(model.model_fields["name"].annotation) if "name" in model.model_fields else ()
    return tags[0] if tags else None


def _blocks_in(annotation: Any) -> list[type[BaseModel]]:
    if _is_block(annotation):
        return [annotation]
    return [block for part in get_args(annotation) for block in _blocks_in(part)]


def _dotted(place: KeyPath) -> str:
    return ".".join(str(part) for part in place)
